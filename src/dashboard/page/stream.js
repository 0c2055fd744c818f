// The stream of reports, which comes back by itself.

const RETRY_MS = 1500;
/** The server sends a frame or a sign of life at least this often. */
const SILENT_MS = 15_000;

/**
 * Listens until the page is closed. `handlers` has a function for each kind of event, and `state`,
 * which is told "live", or "lost" with what is being done about it.
 */
export function listen(url, handlers) {
  let source = null;
  let heard = performance.now();
  let since = 0;

  function lost() {
    since ||= performance.now();
    const seconds = Math.round((performance.now() - since) / 1000);
    handlers.state("lost", `connection lost ${seconds} s ago, reconnecting…`);
  }

  function connect() {
    source?.close();
    source = new EventSource(url);
    heard = performance.now();
    for (const name of ["frame", "map", "alive"]) {
      source.addEventListener(name, (event) => {
        heard = performance.now();
        since = 0;
        handlers.state("live", "live");
        if (name !== "alive") handlers[name](JSON.parse(event.data));
      });
    }
    source.addEventListener("error", lost);
  }

  connect();
  // A browser gives up where the server answers with an error, and never notices a dead network.
  setInterval(() => {
    if (since) lost();
    const silent = performance.now() - heard > SILENT_MS;
    if (source.readyState === EventSource.CLOSED || silent) connect();
  }, RETRY_MS);
  addEventListener("pageshow", (event) => event.persisted && connect());
}
