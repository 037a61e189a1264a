//! The same with counted allocations: for numbers of allocations, and for level profiling, which reads them.

#[global_allocator]
static ALLOCATOR: phasemeter::CountingAllocator = phasemeter::CountingAllocator::system();

fn main() -> std::process::ExitCode {
    phasemeter_bench::main()
}
