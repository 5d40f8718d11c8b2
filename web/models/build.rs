//! Asks the linker for a larger stack than wasm's default of 1 MiB, which a template's engine could overflow.

/// Bytes of the stack: those that a template has on other systems.
const STACK: u32 = 16 << 20;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_ARCH").is_ok_and(|arch| arch == "wasm32") {
        println!("cargo:rustc-link-arg-cdylib=-zstack-size={STACK}");
    }
}
