//! Calls Vulkan; no other file does. Makes the compute pipelines of SPIR-V files on the first device and prints the
//! driver's statistics and machine code. Runs in a process of its own, because drivers read their environment when they
//! are loaded. The device is made as wgpu-hal makes it.
#![allow(unsafe_code, reason = "ash is Vulkan's C interface as it is")]

use std::ffi::{CStr, CString};
use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use ash::{ext, khr, vk};

use crate::step;

/// Prefixes of the lines that begin a pipeline, a statistic and a text in the process's output.
pub(crate) const PIPELINE: &str = "=== pipeline ";
pub(crate) const STATISTIC: &str = "=== statistic ";
pub(crate) const TEXT: &str = "=== text ";

/// Compiles every (file, entry point) and returns one report.
pub(crate) fn compile(shaders: &[(PathBuf, String)]) -> Result<String> {
    // SAFETY: the library is the system's Vulkan loader
    let vulkan = unsafe { ash::Entry::load() }.context("there must be a Vulkan loader, libvulkan1")?;
    let application = vk::ApplicationInfo::default().api_version(vk::API_VERSION_1_3);
    // SAFETY: every structure of this function outlives the calls that it is given to, and handles are of this instance
    unsafe {
        let instance =
            vulkan.create_instance(&vk::InstanceCreateInfo::default().application_info(&application), None)?;
        let devices = instance.enumerate_physical_devices()?;
        // the environment selects one driver (src/compiler.rs), so the first device is the one to compile for
        let physical = *devices.first().context("the driver must have a device")?;
        let properties = instance.get_physical_device_properties(physical);
        // src/emit.rs writes SPIR-V for a device of Vulkan 1.3
        ensure!(properties.api_version >= vk::API_VERSION_1_3, "the device must have Vulkan 1.3");
        let name = properties.device_name_as_c_str()?.to_string_lossy().into_owned();
        let mut report = format!("=== device {name}\n");
        let compiler = Compiler::new(&instance, physical)?;
        for (file, entry_point) in shaders {
            let bytes = std::fs::read(file).with_context(|| file.display().to_string())?;
            let text = compiler.compile(&bytemuck::pod_collect_to_vec(&bytes), entry_point)?;
            writeln!(report, "{PIPELINE}{}\n{text}", file.display())?;
        }
        Ok(report)
    }
}

struct Compiler {
    device: ash::Device,
    executables: khr::pipeline_executable_properties::Device,
    /// The layouts of pipelines without and with a source.
    layouts: [vk::PipelineLayout; 2],
}

impl Compiler {
    /// A device with the features that wgpu-hal enables for the library: both robust accesses, and 64-bit integers.
    unsafe fn new(instance: &ash::Instance, physical: vk::PhysicalDevice) -> Result<Self> {
        let mut robust = vk::PhysicalDeviceRobustness2FeaturesEXT::default();
        let mut found = vk::PhysicalDeviceFeatures2::default().push_next(&mut robust);
        // SAFETY: as in `compile`
        unsafe { instance.get_physical_device_features2(physical, &mut found) };
        let core = found.features;
        ensure!(robust.robust_buffer_access2 != 0, "the device must have robustBufferAccess2, which src/emit.rs takes");
        ensure!(core.shader_int64 != 0, "the device must have 64-bit integers");

        // other features than wgpu-hal's could make the driver compile other code than a user's device runs
        let features = vk::PhysicalDeviceFeatures { shader_int64: 1, robust_buffer_access: 1, ..Default::default() };
        let mut robust = vk::PhysicalDeviceRobustness2FeaturesEXT::default()
            .robust_buffer_access2(true)
            .robust_image_access2(robust.robust_image_access2 != 0);
        let mut info =
            vk::PhysicalDevicePipelineExecutablePropertiesFeaturesKHR::default().pipeline_executable_info(true);
        let extensions = [khr::pipeline_executable_properties::NAME, ext::robustness2::NAME].map(CStr::as_ptr);
        let queues = [vk::DeviceQueueCreateInfo::default().queue_priorities(&[1.0])];
        let create = vk::DeviceCreateInfo::default()
            .queue_create_infos(&queues)
            .enabled_extension_names(&extensions)
            .enabled_features(&features)
            .push_next(&mut robust)
            .push_next(&mut info);
        // the bindings of src/emit.rs: 0 is the uniform buffer, 1 the storage buffer, 2 the source
        let bindings = [
            set_binding(0, vk::DescriptorType::UNIFORM_BUFFER_DYNAMIC),
            set_binding(1, vk::DescriptorType::STORAGE_BUFFER),
            set_binding(2, vk::DescriptorType::STORAGE_BUFFER),
        ];
        // SAFETY: as in `compile`
        unsafe {
            let device = instance.create_device(physical, &create, None)?;
            let layout = |bindings: &[vk::DescriptorSetLayoutBinding<'_>]| {
                let set = vk::DescriptorSetLayoutCreateInfo::default().bindings(bindings);
                let sets = [device.create_descriptor_set_layout(&set, None)?];
                device.create_pipeline_layout(&vk::PipelineLayoutCreateInfo::default().set_layouts(&sets), None)
            };
            // the library gives the third binding to the pipelines that need it
            let layouts = [layout(&bindings[..2])?, layout(&bindings)?];
            let executables = khr::pipeline_executable_properties::Device::new(instance, &device);
            Ok(Self { device, executables, layouts })
        }
    }

    /// One pipeline's statistics and texts.
    unsafe fn compile(&self, code: &[u32], entry_point: &str) -> Result<String> {
        let layout = self.layouts[usize::from(step::has_source(entry_point))];
        let entry_point = CString::new(entry_point)?;
        // SAFETY: as in `compile`
        unsafe {
            let module = self.device.create_shader_module(&vk::ShaderModuleCreateInfo::default().code(code), None)?;
            let stage = vk::PipelineShaderStageCreateInfo::default()
                .stage(vk::ShaderStageFlags::COMPUTE)
                .module(module)
                .name(&entry_point);
            // without these flags the driver need not keep statistics or machine code
            let create = vk::ComputePipelineCreateInfo::default()
                .flags(
                    vk::PipelineCreateFlags::CAPTURE_STATISTICS_KHR
                        | vk::PipelineCreateFlags::CAPTURE_INTERNAL_REPRESENTATIONS_KHR,
                )
                .stage(stage)
                .layout(layout);
            let made = self.device.create_compute_pipelines(vk::PipelineCache::null(), &[create], None);
            let pipeline = made.map_err(|(_, error)| error).context("the driver must compile the shader")?[0];
            let info = vk::PipelineInfoKHR::default().pipeline(pipeline);
            let found = self.executables.get_pipeline_executable_properties(&info)?;
            ensure!(found.len() == 1, "a compute pipeline must be one executable, not {}", found.len());
            let mut report = format!("{STATISTIC}subgroup size = {}\n", found[0].subgroup_size);
            let which = vk::PipelineExecutableInfoKHR::default().pipeline(pipeline).executable_index(0);
            for statistic in self.executables.get_pipeline_executable_statistics(&which)? {
                let name = CStr::from_ptr(statistic.name.as_ptr()).to_string_lossy();
                // the value is a union: the format says which field the driver wrote
                match statistic.format {
                    vk::PipelineExecutableStatisticFormatKHR::FLOAT64 => {
                        writeln!(report, "{STATISTIC}{name} = {}", statistic.value.f64)?;
                    }
                    _ => writeln!(report, "{STATISTIC}{name} = {}", statistic.value.u64)?,
                }
            }
            self.texts(&which, &mut report)?;
            self.device.destroy_pipeline(pipeline, None);
            self.device.destroy_shader_module(module, None);
            Ok(report)
        }
    }

    /// The texts of a pipeline. The last is the machine code.
    unsafe fn texts(&self, which: &vk::PipelineExecutableInfoKHR<'_>, report: &mut String) -> Result<()> {
        let get = self.executables.fp().get_pipeline_executable_internal_representations_khr;
        let device = self.executables.device();
        let mut count = 0;
        // SAFETY: asked for the number, then for the sizes, then for the bytes, each time with room for what was said
        unsafe {
            get(device, which, &mut count, std::ptr::null_mut()).result()?;
            let mut found = vec![vk::PipelineExecutableInternalRepresentationKHR::default(); count as usize];
            get(device, which, &mut count, found.as_mut_ptr()).result()?;
            let mut bytes: Vec<Vec<u8>> = found.iter().map(|text| vec![0; text.data_size]).collect();
            // the pointers stay valid, because `bytes` is not touched before the driver has written
            for (text, bytes) in found.iter_mut().zip(&mut bytes) {
                text.p_data = bytes.as_mut_ptr().cast();
            }
            get(device, which, &mut count, found.as_mut_ptr()).result()?;
            for (text, bytes) in found.iter().zip(&bytes) {
                let name = CStr::from_ptr(text.name.as_ptr()).to_string_lossy();
                // a text ends at its first NUL
                let bytes = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
                writeln!(report, "{TEXT}{name}\n{}", String::from_utf8_lossy(bytes))?;
            }
        }
        Ok(())
    }
}

fn set_binding(binding: u32, kind: vk::DescriptorType) -> vk::DescriptorSetLayoutBinding<'static> {
    vk::DescriptorSetLayoutBinding::default()
        .binding(binding)
        .descriptor_type(kind)
        .descriptor_count(1)
        .stage_flags(vk::ShaderStageFlags::COMPUTE)
}
