use seedtensors::*;
fn main(){
    let n=1<<25;
    let mut v=vec![0f32;n];let mut h=vec![half::bf16::ZERO;n];let mut g=vec![half::f16::ZERO;n];
    for th in [1,2]{ let pool=rayon::ThreadPoolBuilder::new().num_threads(th).build().unwrap(); pool.install(||{
    for (name,s) in [("words",Sampler::Words),("const",Sampler::Constant{value:1.0}),("uniform",Sampler::Uniform{low:-1.0,high:1.0}),("normal",Sampler::Normal{mean:0.0,std:1.0})]{
        let f=Fill::new(Key::new(1),s);
        let best=|g:&mut dyn FnMut()|{let mut b=1e9f64;for _ in 0..5{let t=std::time::Instant::now();g();b=b.min(t.elapsed().as_secs_f64());}n as f64/b/1e6};
        print!("{th} {name} f32 {:.0}",best(&mut||cpu::fill(&f,&mut v).unwrap()));
        if name!="words"{print!(" bf16 {:.0} f16 {:.0}",best(&mut||cpu::fill(&f,&mut h).unwrap()),best(&mut||cpu::fill(&f,&mut g).unwrap()));}
        println!();
    }});}
}
