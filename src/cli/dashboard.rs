//! `seedfs dashboard`

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::Failure;
use crate::dashboard::{Dashboard, DashboardError, Token};
use crate::watch::{Target, TargetError, WantedMap, plain};

/// Show mounts, writes, verifications and clusters on a page in the browser
///
/// It only looks. What it shows is what 'seedfs top' shows, and the bytes of each file drawn to
/// scale. On this machine's own address it is for everybody on this machine; any other address
/// needs a token. It serves until it gets SIGINT (Ctrl-C) or SIGTERM.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:
  seedfs dashboard /mnt/seed
  seedfs dashboard /scratch/test --listen 127.0.0.1:8080
  seedfs dashboard /scratch/test --listen 0.0.0.0:7333 --token new

/metrics has the same figures for Prometheus.")]
pub(super) struct DashboardArguments {
    /// Mount points, and directories that 'seedfs write', 'verify' or 'mount --publish' report to
    #[arg(value_name = "TARGET", required = true, num_args = 1..=TARGETS_MAX)]
    targets: Vec<PathBuf>,

    /// The address and port to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:7333")]
    listen: String,

    /// Show the page only to who has this token, of 16 to 128 letters, digits and . _ ~ -; new
    /// makes one, which other users of this machine cannot see in the list of processes
    #[arg(long, value_name = "T")]
    token: Option<String>,
}

/// More targets than a page has room for.
const TARGETS_MAX: usize = 64;
/// The word for a token that is to be made.
const NEW: &str = "new";

pub(super) fn run(arguments: &DashboardArguments) -> Result<ExitCode, Failure> {
    let address = address(&arguments.listen)?;
    let token = arguments.token.as_deref().map(token).transpose()?;
    let targets = arguments
        .targets
        .iter()
        .map(|path| Target::open(path, WantedMap::Whole).map_err(|error| refuse_target(&error)))
        .collect::<Result<Vec<_>, _>>()?;
    let dashboard = Dashboard::bind(address, token.clone()).map_err(|error| refuse(&error))?;
    let mut signals = Signals::new([SIGINT, SIGTERM])
        .map_err(|error| Failure::system(format!("cannot wait for signals: {error}")))?;
    let link = link(dashboard.address(), token.as_ref());
    // Whoever started it in the background finds the address; nobody reading is no failure.
    let _ = writeln!(io::stdout(), "{link}");
    let machine = nix::unistd::gethostname().unwrap_or_default();
    let wait_for_signal = move || {
        signals.forever().next();
    };
    dashboard
        .serve(targets, machine.to_string_lossy().into_owned(), wait_for_signal)
        .map_err(|error| refuse(&error))?;
    Ok(ExitCode::SUCCESS)
}

fn address(text: &str) -> Result<SocketAddr, Failure> {
    let numeric = text.replacen("localhost:", "127.0.0.1:", usize::from(text.starts_with("local")));
    numeric.parse().map_err(|_| {
        Failure::usage(format!(
            "--listen '{}': expected an address in numbers and a port, like 127.0.0.1:7333 or \
             [::]:7333",
            plain(text)
        ))
    })
}

fn token(text: &str) -> Result<Token, Failure> {
    if text != NEW {
        // The value is a secret, so it is not repeated.
        return Token::new(text).map_err(|error| {
            Failure::usage(format!("--token: {error}; or the word {NEW}, which makes one"))
        });
    }
    let mut random = [0; 16];
    File::open("/dev/urandom")
        .and_then(|mut file| file.read_exact(&mut random))
        .map_err(|error| Failure::system(format!("cannot make a token: {error}")))?;
    Ok(Token::of_bytes(random))
}

fn refuse_target(error: &TargetError) -> Failure {
    match error {
        TargetError::System(..) => Failure::system(error),
        _ => Failure::usage(error),
    }
}

fn refuse(error: &DashboardError) -> Failure {
    match error {
        DashboardError::Open(address) => Failure::usage(format!(
            "--listen '{address}' is reached from other machines: expected --token with a token, \
             or --token {NEW}, which makes one"
        )),
        DashboardError::InUse(_) | DashboardError::Listen(..) => {
            Failure::system(format!("--listen: {error}"))
        }
        DashboardError::System(_) => Failure::system(error),
    }
}

/// What is opened in a browser.
fn link(address: SocketAddr, token: Option<&Token>) -> String {
    let query = token.map_or_else(String::new, |token| format!("?token={}", token.reveal()));
    if address.ip().is_unspecified() {
        let machine = nix::unistd::gethostname().unwrap_or_default();
        return format!("http://{}:{}/{query}", machine.to_string_lossy(), address.port());
    }
    format!("http://{address}/{query}")
}
