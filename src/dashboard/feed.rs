//! One thread makes what all clients are sent.
//!
//! However many look, targets are looked at once a second and a frame is made once. What was made
//! last stands in one place; a client that has taken its frame waits for another to stand there. A
//! slow one finds the latest when it comes back, and what it has missed was never kept for it.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use axum::body::Bytes;
use serde::Serialize;
use tokio::sync::{mpsc, watch};

use super::frame::{Frame, MapEvent};
use crate::report::{MetricsFormat, ProcessMap, RunCommand, metrics};
use crate::watch::{Look, Target, Watched, Watcher};

/// How often targets are looked at.
const INTERVAL: Duration = Duration::from_secs(1);
/// How often it is asked whether something new was seen: so long does it lie at the most.
const TICK: Duration = Duration::from_millis(200);

/// Which map: that of a run of a target.
type MapKey = (usize, RunCommand);

/// What is sent: each event as it goes over the wire, made once for all clients.
#[derive(Clone, Debug, Default)]
pub(super) struct Frames {
    frame: Bytes,
    maps: Vec<NumberedMap>,
}

/// The event of a map, and a number that is another one when the map is.
#[derive(Clone, Debug)]
struct NumberedMap {
    key: MapKey,
    number: u64,
    event: Bytes,
}

/// The targets, and what was seen of them last.
#[derive(Debug)]
pub(super) struct Feed {
    targets: Arc<[(Target, Watcher)]>,
    latest: watch::Receiver<Frames>,
    /// The thread ends when this does.
    _until_dropped: Sender<()>,
}

impl Feed {
    /// Starts to look.
    pub(super) fn start(targets: Vec<Target>) -> io::Result<Self> {
        let watched = targets.into_iter().map(|target| {
            let watcher = Watcher::start(target.clone(), INTERVAL)?;
            Ok((target, watcher))
        });
        let targets: Arc<[(Target, Watcher)]> = watched.collect::<io::Result<Vec<_>>>()?.into();
        let (sender, latest) = watch::channel(Frames::default());
        let (until_dropped, dropped) = channel();
        let of_thread = Arc::clone(&targets);
        thread::Builder::new().name("feed".into()).spawn(move || {
            let mut maker = FrameMaker::default();
            while dropped.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
                if let Some(frames) = maker.frames(&of_thread) {
                    sender.send_replace(frames);
                }
            }
        })?;
        Ok(Self { targets, latest, _until_dropped: until_dropped })
    }

    /// A target, and what was seen of it last.
    pub(super) fn target(&self, index: usize) -> Option<(Target, Look)> {
        self.targets.get(index).map(|(target, watcher)| (target.clone(), watcher.look()))
    }

    /// What was seen of all targets last, as metrics.
    pub(super) fn metrics(&self, format: MetricsFormat) -> String {
        let looks: Vec<Look> = self.targets.iter().map(|(_, watcher)| watcher.look()).collect();
        let watched = looks.iter().filter_map(|look| look.watched.as_deref());
        let nodes = watched.flat_map(|watched| &watched.cluster.runs).flat_map(|run| &run.nodes);
        metrics(nodes.map(|node| &node.report), format)
    }

    /// Sends every frame to a client, and each map that it does not have, until it has gone. Of
    /// frames that come while the client is busy it gets the last.
    pub(super) fn follow(&self, client: mpsc::Sender<Bytes>) -> impl Future<Output = ()> + use<> {
        let mut latest = self.latest.clone();
        async move {
            let mut has: HashMap<MapKey, u64> = HashMap::new();
            loop {
                let Frames { frame, maps } = latest.borrow_and_update().clone();
                for NumberedMap { key, number, event } in maps {
                    if has.insert(key, number) != Some(number) && client.send(event).await.is_err()
                    {
                        return;
                    }
                }
                if !frame.is_empty() && client.send(frame).await.is_err() {
                    return;
                }
                tokio::select! {
                    changed = latest.changed() => if changed.is_err() { return },
                    () = client.closed() => return,
                }
            }
        }
    }
}

/// Makes frames, and remembers what the last one was made of.
#[derive(Default)]
struct FrameMaker {
    seen: Vec<Option<Arc<Watched>>>,
    made_at: Option<Instant>,
    maps: HashMap<MapKey, (ProcessMap, NumberedMap)>,
    maps_made: u64,
}

impl FrameMaker {
    /// A frame, where there is something new to see, or the last is a second old.
    fn frames(&mut self, targets: &[(Target, Watcher)]) -> Option<Frames> {
        let looks: Vec<Look> = targets.iter().map(|(_, watcher)| watcher.look()).collect();
        let is_same = |(seen, look): (&Option<Arc<Watched>>, &Look)| match (seen, &look.watched) {
            (Some(seen), Some(now)) => Arc::ptr_eq(seen, now),
            (seen, now) => seen.is_none() && now.is_none(),
        };
        let nothing_new =
            self.seen.len() == looks.len() && self.seen.iter().zip(&looks).all(is_same);
        if nothing_new && self.made_at.is_some_and(|made| made.elapsed() < INTERVAL) {
            return None;
        }
        self.made_at = Some(Instant::now());
        let frame = Frame::new(targets.iter().map(|(target, _)| target).zip(&looks));
        let frame = event("frame", &frame);
        let mut maps = Vec::new();
        for (index, look) in looks.iter().enumerate() {
            let Some(watched) = &look.watched else { continue };
            for run in &watched.cluster.runs {
                if let Some(map) = &run.map {
                    maps.push(self.map((index, run.command), map));
                }
            }
        }
        self.seen = looks.into_iter().map(|look| look.watched).collect();
        Some(Frames { frame, maps })
    }

    /// The event of a map, made anew only where the map is another one.
    fn map(&mut self, key: MapKey, map: &ProcessMap) -> NumberedMap {
        if let Some((last, event)) = self.maps.get(&key)
            && last == map
        {
            return event.clone();
        }
        self.maps_made += 1;
        let event = event("map", &MapEvent { target: key.0, run: key.1, map });
        let numbered = NumberedMap { key, number: self.maps_made, event };
        self.maps.insert(key, (map.clone(), numbered.clone()));
        numbered
    }
}

/// An event as the stream has it. In JSON, line breaks stand in texts only, where they are escaped.
fn event(name: &str, data: &impl Serialize) -> Bytes {
    let mut text = format!("event: {name}\ndata: ").into_bytes();
    // Into memory; the views have no map with other keys than texts.
    if serde_json::to_writer(&mut text, data).is_err() {
        return Bytes::new();
    }
    text.extend_from_slice(b"\n\n");
    text.into()
}
