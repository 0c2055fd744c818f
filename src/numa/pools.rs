//! Pools of threads, each on one NUMA node, that fill memory.
#![allow(unsafe_code, reason = "a pointer that outlives a fork")]

use std::error::Error;
use std::fmt;
use std::num::NonZeroUsize;
use std::ptr;
use std::slice::ChunksMut;
use std::sync::atomic::{AtomicPtr, Ordering};

use rayon::{ThreadPool, ThreadPoolBuilder};

use super::pages::nodes_of_parts;
use super::{NumaNode, Placement, Topology, topology};
use crate::sync::Mutex;

/// The pools of a machine.
#[derive(Debug)]
pub struct Pools {
    /// One for each NUMA node, or one for all.
    pools: Vec<Pool>,
}

/// The system has no threads to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoThreads;

impl fmt::Display for NoThreads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the system has no threads to give")
    }
}

impl Error for NoThreads {}

/// Who fills a buffer.
#[derive(Clone, Copy, Debug)]
pub struct Workers {
    /// So many threads at the most.
    pub threads_max: NonZeroUsize,
    /// Only those of this NUMA node, where there is a pool of it.
    pub node: Option<u32>,
    /// Parts are cut only behind so many bytes, or a multiple of them.
    pub unit_bytes: NonZeroUsize,
}

impl Default for Workers {
    /// All of them, and parts of any length.
    fn default() -> Self {
        Self { threads_max: NonZeroUsize::MAX, node: None, unit_bytes: NonZeroUsize::MIN }
    }
}

/// Pools that a process makes once.
struct Shared(AtomicPtr<(u32, Pools)>);

impl Shared {
    const fn new() -> Self {
        Self(AtomicPtr::new(ptr::null_mut()))
    }

    fn get(&'static self, placement: Placement) -> &'static Pools {
        let this = std::process::id();
        loop {
            let known = self.0.load(Ordering::Acquire);
            // SAFETY: what was once stored here is never freed: a forked process may hold it.
            if let Some((process, pools)) = unsafe { known.as_ref() }
                && *process == this
            {
                return pools;
            }
            let topology = Topology::here();
            let nodes = placement.choose(&topology).unwrap_or_default();
            let new = Box::into_raw(Box::new((this, Pools::new(&topology, nodes))));
            let (set, seen) = (Ordering::AcqRel, Ordering::Acquire);
            if self.0.compare_exchange(known, new, set, seen).is_err() {
                // SAFETY: it has just been made here, and nobody else has seen it.
                drop(unsafe { Box::from_raw(new) });
            }
        }
    }
}

#[derive(Debug)]
struct Pool {
    /// `None` where its threads run anywhere.
    node: Option<u32>,
    /// `None` where the system has no threads to give: the caller works alone.
    threads: Option<ThreadPool>,
}

/// What a thread takes at a time: long against the cost of taking, and no more than the largest
/// page, so that two threads meet in few of them.
const PART_BYTES_MAX: usize = 2 << 20;
const PART_BYTES_MIN: usize = 128 << 10;
/// Into how many parts the share of a thread is cut: one that is interrupted keeps nobody waiting.
const PARTS_PER_THREAD: usize = 8;

impl Pools {
    /// Pools with a thread for each processor.
    #[must_use]
    pub fn new(topology: &Topology, placement: &[NumaNode]) -> Self {
        let pools = if placement.is_empty() {
            vec![Pool::new(None, topology.cpu_count())]
        } else {
            placement.iter().map(|node| Pool::new(Some(node), node.cpus.len())).collect()
        };
        Self { pools }
    }

    /// The pools of this process, pinned where there are several NUMA nodes. They are made when
    /// they are first asked for, and only once.
    ///
    /// A process that was forked from one that had them makes its own: threads are not inherited.
    pub fn shared() -> &'static Self {
        static SHARED: Shared = Shared::new();
        SHARED.get(Placement::Auto)
    }

    /// The same, with threads that run anywhere.
    pub fn shared_unpinned() -> &'static Self {
        static SHARED: Shared = Shared::new();
        if Self::shared().pools.iter().all(|pool| pool.node.is_none()) {
            return Self::shared();
        }
        SHARED.get(Placement::Off)
    }

    /// How many threads there are.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.pools.iter().map(Pool::count).sum()
    }

    /// Calls `fill` with every part of a buffer and where in it the part begins, on the threads
    /// that are near the part, where there are several pools.
    pub fn fill(&self, by: Workers, buffer: &mut [u8], fill: impl Fn(usize, &mut [u8]) + Sync) {
        let threads = self.threads().min(by.threads_max.get());
        let part = buffer.len() / (threads * PARTS_PER_THREAD).max(1);
        let part = part.clamp(PART_BYTES_MIN, PART_BYTES_MAX).next_multiple_of(by.unit_bytes.get());
        if threads < 2 || buffer.len() < 2 * part {
            return fill(0, buffer);
        }
        let only = by.node.and_then(|node| self.pools.iter().find(|pool| pool.node == Some(node)));
        if let Some(pool) = only.or(if self.pools.len() == 1 { self.pools.first() } else { None }) {
            let parts = Mutex::new(Shares::of(buffer, part));
            return pool.work(threads.min(pool.count()), &|| take(&parts, &fill));
        }
        let pools = self.share(&nodes_of_parts(buffer, part));
        let mut shares: Vec<Shares<'_>> = self.pools.iter().map(|_| Shares::default()).collect();
        for ((number, bytes), pool) in buffer.chunks_mut(part).enumerate().zip(&pools) {
            shares[*pool].single.push((number * part, bytes));
        }
        let jobs: Vec<_> = self
            .pools
            .iter()
            .zip(shares)
            .map(|(pool, shares)| {
                let threads = (threads * shares.single.len()).div_ceil(pools.len());
                (pool, threads, Mutex::new(shares))
            })
            .collect();
        at_once(&jobs, &|(pool, threads, shares)| pool.work(*threads, &|| take(shares, &fill)));
    }

    /// Runs `work` where jobs of rayon go to these threads: those of the first pool, where there
    /// are several.
    ///
    /// # Errors
    ///
    /// Where there is no thread. Jobs would go to rayon's global pool then, which cannot be started
    /// either, and a forked process never has its threads.
    pub fn install<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T, NoThreads> {
        let pool = self.pools.first().and_then(|pool| pool.threads.as_ref());
        pool.map(|pool| pool.install(work)).ok_or(NoThreads)
    }

    /// The pool of each part: that of the NUMA node on which it lies; those that lie nowhere yet
    /// are shared in equal runs.
    fn share(&self, nodes: &[Option<u32>]) -> Vec<usize> {
        let pool = |node: u32| self.pools.iter().position(|pool| pool.node == Some(node));
        let placed: Vec<Option<usize>> = nodes.iter().map(|node| node.and_then(pool)).collect();
        let nowhere = placed.iter().filter(|pool| pool.is_none()).count().max(1);
        let mut before = 0;
        placed
            .into_iter()
            .map(|pool| {
                pool.unwrap_or_else(|| {
                    before += 1;
                    (before - 1) * self.pools.len() / nowhere
                })
            })
            .collect()
    }
}

impl Pool {
    /// With fewer threads where the system does not let us have so many.
    fn new(node: Option<&NumaNode>, threads: usize) -> Self {
        let mut count = threads;
        let cpus = node.map(|node| node.cpus.clone());
        let build = |count| {
            let cpus = cpus.clone();
            let settle = move |_| {
                if let Some(cpus) = &cpus {
                    topology::pin(cpus);
                }
            };
            ThreadPoolBuilder::new()
                .num_threads(count)
                .thread_name(|number| format!("seedfs-fill-{number}"))
                .start_handler(settle)
                .build()
                .ok()
        };
        let mut threads = None;
        while threads.is_none() && count > 0 {
            threads = build(count);
            count /= 2;
        }
        Self { node: node.map(|node| node.number), threads }
    }

    fn count(&self) -> usize {
        self.threads.as_ref().map_or(1, ThreadPool::current_num_threads)
    }

    /// Does the same on so many threads.
    fn work(&self, threads: usize, work: &(dyn Fn() + Sync)) {
        let Some(pool) = &self.threads else { return work() };
        pool.in_place_scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|_| work());
            }
        });
    }
}

/// Parts that threads take in turn.
#[derive(Default)]
struct Shares<'a> {
    /// A run of parts of one length, and where the next begins.
    run: Option<(usize, ChunksMut<'a, u8>)>,
    single: Vec<(usize, &'a mut [u8])>,
}

impl<'a> Shares<'a> {
    fn of(buffer: &'a mut [u8], part_bytes: usize) -> Self {
        Self { run: Some((0, buffer.chunks_mut(part_bytes))), single: Vec::new() }
    }

    fn next(&mut self) -> Option<(usize, &'a mut [u8])> {
        if let Some((start, run)) = &mut self.run
            && let Some(part) = run.next()
        {
            let at = *start;
            *start += part.len();
            return Some((at, part));
        }
        self.single.pop()
    }
}

fn take(shares: &Mutex<Shares<'_>>, fill: &(impl Fn(usize, &mut [u8]) + Sync)) {
    loop {
        let next = shares.lock().next();
        let Some((at, part)) = next else { break };
        fill(at, part);
    }
}

/// Does each of these, all at the same time.
fn at_once<J: Sync>(jobs: &[J], work: &(impl Fn(&J) + Sync)) {
    std::thread::scope(|scope| {
        let Some((first, others)) = jobs.split_first() else { return };
        for job in others {
            let alone = std::thread::Builder::new().spawn_scoped(scope, move || work(job));
            if alone.is_err() {
                work(job);
            }
        }
        work(first);
    });
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn node(number: u32, cpus: &[usize]) -> NumaNode {
        NumaNode { number, cpus: cpus.to_vec(), memory_bytes: 0 }
    }

    fn here(placement: &[NumaNode]) -> Pools {
        Pools::new(&Topology::here(), placement)
    }

    /// A byte that says where it belongs, and is not 0.
    fn mark(place: usize) -> u8 {
        u8::try_from(1 + place % 251).unwrap()
    }

    #[test]
    fn every_byte_is_filled_once_whatever_the_pools() {
        let cpus: Vec<usize> = Topology::here().nodes()[0].cpus.clone();
        for placement in [&[][..], &[node(0, &cpus)], &[node(0, &cpus), node(1, &cpus[..1])]] {
            let pools = here(placement);
            for length in [0, 1, 300_000, (4 << 20) + 17] {
                for threads in [1, 2, 7] {
                    let mut buffer = vec![0_u8; length];
                    let by = Workers {
                        threads_max: NonZeroUsize::new(threads).unwrap(),
                        ..Workers::default()
                    };
                    pools.fill(by, &mut buffer, |at, part| {
                        for (byte, place) in part.iter_mut().zip(at..) {
                            *byte = byte.wrapping_add(mark(place));
                        }
                    });
                    let right = |(place, byte): (usize, &u8)| *byte == mark(place);
                    assert!(buffer.iter().enumerate().all(right), "{length} on {threads}");
                }
            }
        }
    }

    #[test]
    fn no_more_threads_fill_than_were_asked_for() {
        let pools = here(&[]);
        let seen = Mutex::new(BTreeSet::new());
        let mut buffer = vec![0_u8; 32 << 20];
        let by = Workers { threads_max: NonZeroUsize::MIN, ..Workers::default() };
        pools.fill(by, &mut buffer, |_, part| {
            seen.lock().insert(format!("{:?}", std::thread::current().id()));
            part.fill(1);
        });
        assert_eq!(seen.lock().len(), 1);
    }

    #[test]
    fn parts_end_where_a_unit_ends_and_one_node_can_do_all() {
        let cpus = Topology::here().nodes()[0].cpus.clone();
        let pools = here(&[node(0, &cpus), node(4, &cpus)]);
        let by = Workers {
            node: Some(4),
            unit_bytes: NonZeroUsize::new(3 * 1001).unwrap(),
            ..Workers::default()
        };
        let mut buffer = vec![0_u8; 3003 * 2000];
        let names = Mutex::new(BTreeSet::new());
        pools.fill(by, &mut buffer, |at, part| {
            assert_eq!((at % 3003, part.len() % 3003), (0, 0));
            names.lock().insert(rayon::current_num_threads());
            part.fill(1);
        });
        assert!(buffer.iter().all(|byte| *byte == 1));
        assert_eq!(names.into_inner(), BTreeSet::from([cpus.len()]));
    }

    #[test]
    fn parts_go_to_where_they_lie_and_the_others_are_shared() {
        let topology = Topology::here();
        let cpus = &topology.nodes()[0].cpus[..1];
        let pools = here(&[node(0, cpus), node(3, cpus)]);
        assert_eq!(pools.share(&[Some(3), Some(0), Some(3)]), [1, 0, 1]);
        assert_eq!(pools.share(&[None; 4]), [0, 0, 1, 1]);
        // A node that has no pool is as good as none.
        assert_eq!(pools.share(&[Some(3), None, Some(7), Some(0)]), [1, 0, 1, 0]);
    }

    #[test]
    fn jobs_go_to_the_threads_of_the_pool_and_nowhere_without_one() {
        let pools = here(&[]);
        let name = || std::thread::current().name().map(str::to_owned);
        let (first, second) = pools.install(|| rayon::join(name, name)).unwrap();
        for name in [first, second] {
            assert!(name.unwrap().starts_with("seedfs-fill-"));
        }
        let none = Pools { pools: vec![Pool { node: None, threads: None }] };
        assert_eq!(none.install(|| 1), Err(NoThreads));
    }

    #[test]
    fn the_shared_pools_are_made_once() {
        assert!(ptr::eq(Pools::shared(), Pools::shared()));
        assert_eq!(Pools::shared().threads(), Topology::here().cpu_count());
    }
}
