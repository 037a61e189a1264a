//! Starts everything, and measures what needs no counted allocations.

fn main() -> std::process::ExitCode {
    phasemeter_bench::main()
}
