//! A page in the browser that shows what is watched, while it happens.
//!
//! ```text
//!   Watcher ─┐                           ┌─→ a client: /events, a frame each second
//!   Watcher ─┼─→ feed: one thread ─→ the latest frame ─→ …
//!   Watcher ─┘                           └─→ /metrics
//!   a mount's .status ←── documents ←────── /api/process, /api/file
//! ```
//!
//! The server only looks. It answers GET and HEAD, opens nothing for writing, and takes no path
//! from a client to a disk: files are asked for by the names that the dataset has, below `.status`.
//! The page is in the program, hand-written and whole: nothing comes from another host, and the
//! policy that is sent with each answer forbids it.
//!
//! Nothing that a client does costs more than its share. Connections, streams and questions are
//! counted; a client that takes nothing is not kept anything for, and ends after a while. All of
//! them together cost one look a second.
//!
//! Whatever a report says was written by somebody else. It goes to the page as JSON, and there into
//! text nodes only.

mod access;
mod connections;
mod documents;
mod feed;
mod frame;
mod page;
mod routes;

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener};
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;

pub use access::{Token, TokenError};

use access::PageAccess;
use connections::{CONNECTIONS_MAX, Connections, SILENCE_MAX};
use feed::Feed;
use routes::{PageState, router};

use crate::watch::Target;

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
pub enum DashboardError {
    /// Something else listens there already.
    #[error("{0} is in use by another program: choose another port")]
    InUse(SocketAddr),
    /// The system does not let us listen there.
    #[error("cannot listen on {0}: {1}")]
    Listen(SocketAddr, #[source] io::Error),
    /// Others would be let in.
    #[error("{0} is reached from other machines, and there is no token")]
    Open(SocketAddr),
    /// The system lacks something else.
    #[error("cannot serve the page: {0}")]
    System(#[from] io::Error),
}

/// A page that is ready to be served.
#[derive(Debug)]
pub struct Dashboard {
    listener: TcpListener,
    address: SocketAddr,
    token: Option<Token>,
}

impl Dashboard {
    /// Listens; nobody is answered yet. Whoever has the token may look, and where there is none,
    /// everybody on this machine.
    ///
    /// # Errors
    ///
    /// Where the address is in use or not this machine's, and where it is reached from other
    /// machines and there is no token.
    pub fn bind(address: SocketAddr, token: Option<Token>) -> Result<Self, DashboardError> {
        if !address.ip().to_canonical().is_loopback() && token.is_none() {
            return Err(DashboardError::Open(address));
        }
        let listener = TcpListener::bind(address).map_err(|error| match error.kind() {
            ErrorKind::AddrInUse => DashboardError::InUse(address),
            _ => DashboardError::Listen(address, error),
        })?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address, token })
    }

    /// Where it listens; with the port that the system has chosen where 0 was asked for.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves the page until `wait_for_end` returns, on a thread of its own. Open streams end with
    /// it. `machine` is a name by which this machine may be asked for the page.
    ///
    /// # Errors
    ///
    /// Where the system has no thread or no timer for it.
    pub fn serve(
        self,
        targets: Vec<Target>,
        machine: String,
        wait_for_end: impl FnOnce() + Send + 'static,
    ) -> Result<(), DashboardError> {
        let Self { listener, address, token } = self;
        listener.set_nonblocking(true)?;
        let shared =
            PageState::new(Feed::start(targets)?, PageAccess::new(token, machine, address.port()));
        let (ended, end) = oneshot::channel();
        thread::Builder::new().name("end".into()).spawn(move || {
            wait_for_end();
            let _ = ended.send(());
        })?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let outcome = runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener)?;
            let connections = Connections::new(listener, CONNECTIONS_MAX, SILENCE_MAX);
            tokio::select! {
                served = axum::serve(connections, router(shared)).into_future() => served,
                _ = end => Ok(()),
            }
        });
        // Questions to a mount that hangs are not waited for.
        runtime.shutdown_timeout(Duration::from_millis(200));
        Ok(outcome?)
    }
}
