//! How fast the library fills a buffer of so many MiB on so many threads (0: all), in GB/s: what
//! `python/benches/fill.py --rust` compares with.
//!
//! ```text
//! cargo run --release --example fill_rate -- 64 1
//! ```

use std::error::Error;
use std::io::{Write, stdout};
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use seedfs::content::Content;
use seedfs::dataset::Coordinates;
use seedfs::numa::{Pools, Workers};

const ROUNDS: usize = 5;
const AT_LEAST: Duration = Duration::from_millis(20);

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut number = || {
        arguments.next().ok_or("expected MiB and threads")?.parse().map_err(Box::<dyn Error>::from)
    };
    let (size_mib, threads): (usize, usize) = (number()?, number()?);
    let threads_max = NonZeroUsize::new(threads).unwrap_or(NonZeroUsize::MAX);
    let by = Workers { threads_max, ..Workers::default() };
    let content = Content::new("bench");
    let mut buffer = vec![1_u8; size_mib << 20];
    let mut rates = Vec::new();
    for _ in 0..ROUNDS {
        let (started, mut calls) = (Instant::now(), 0_u32);
        while started.elapsed() < AT_LEAST {
            if threads == 1 {
                content.fill(Coordinates::default(), 0, &mut buffer);
            } else {
                Pools::shared().fill(by, &mut buffer, |at, part| {
                    content.fill(Coordinates::default(), at as u64, part);
                });
            }
            calls += 1;
        }
        let bytes = f64::from(calls) * f64::from(u32::try_from(size_mib)?) * f64::from(1 << 20);
        rates.push(bytes / started.elapsed().as_secs_f64() / 1e9);
    }
    rates.sort_by(f64::total_cmp);
    writeln!(stdout(), "{:.3}", rates[ROUNDS / 2])?;
    Ok(())
}
