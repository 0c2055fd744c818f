"""Looks at `seedfs dashboard` with Chromium: see dev/test-dashboard."""

import base64
import json
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

SEEDFS = os.environ["SEEDFS_BIN"]
SCRATCH = Path(sys.argv[1])
PICTURES = Path("docs/pictures") if "--pictures" in sys.argv else None
MIB = 1 << 20
# The pictures that the documents show; the others are for who changes the page.
KEPT = ["byte-map.png"]
DAMAGED = "iteration_1/node_0/process_3"
WITHIN_S = 2
FRAME_MS = 200


def run(*arguments):
    subprocess.run([SEEDFS, *map(str, arguments)], check=True, stdout=subprocess.DEVNULL)


@contextmanager
def mount(name, *options):
    path = SCRATCH / name
    path.mkdir()
    run("mount", *options, path)
    try:
        yield path
    finally:
        subprocess.run([SEEDFS, "umount", "--lazy", str(path)], check=True)


@contextmanager
def dashboard(*targets, listen="127.0.0.1:0"):
    """The address of a page on these targets, which ends as SIGTERM has it end."""
    command = [SEEDFS, "dashboard", *map(str, targets), "--listen", listen]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield process.stdout.readline().strip()
    finally:
        process.send_signal(signal.SIGTERM)
        code = process.wait(10)
    assert code == 0, f"SIGTERM ended it with {code}"


@contextmanager
def browser(width=1280, height=1000, dark=False, console="is silent"):
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for argument in ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu",
                     "--hide-scrollbars", f"--window-size={width},{height}",
                     "--force-device-scale-factor=1", "--disable-background-networking"]:
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    still = {"name": "prefers-reduced-motion", "value": "reduce"}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme, still]})
    resize(driver, width, height)
    try:
        yield driver
        # A breach of the policy is logged there as well.
        log = driver.get_log("browser")
        assert not log or console != "is silent", f"the console has {log}"
    finally:
        driver.quit()


def resize(driver, width, height):
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
        "width": width, "height": height, "deviceScaleFactor": 1, "mobile": False})


def wait(driver, what, seconds=20):
    return WebDriverWait(driver, seconds, poll_frequency=0.05).until(lambda _: what())


def picture(driver, name, first=None, last=None):
    """A picture of the whole page, or of it from the top of an element to the end of another."""
    size = driver.execute_script(
        "return [innerWidth, document.documentElement.scrollHeight, innerHeight]")
    resize(driver, size[0], min(size[1], 4000))
    time.sleep(0.4)
    clip = {}
    if first:
        clip = driver.execute_script("""
            const [first, last] = [...arguments].map((one) =>
                document.querySelector(one).getBoundingClientRect());
            return {clip: {x: first.x, y: first.y, width: first.width,
                           height: last.bottom + 12 - first.y, scale: 1}}""", first, last)
    shot = driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "png", **clip})
    folder = PICTURES if PICTURES and name in KEPT else SCRATCH
    (folder / name).write_bytes(base64.b64decode(shot["data"]))
    resize(driver, size[0], size[2])


def values(driver, tally):
    """The exact figures of a tally on the page, by their names."""
    return driver.execute_script("""
        return Object.fromEntries([...document.querySelectorAll(`#${arguments[0]} > div`)]
            .map((part) => [part.querySelector("dt").textContent,
                            Number(part.querySelector("data").value)]))""", tally)


def damage(root):
    """Damages a file in each of the ways that have a class."""
    file = root / DAMAGED
    with open(file, "r+b", buffering=0) as out:
        def copy(source, offset, length, to):
            with open(root / source, "rb") as content:
                content.seek(offset)
                put(to, content.read(length))

        def put(to, data):
            out.seek(to)
            out.write(data)

        copy(DAMAGED, 0, 36 * MIB, 0)
        copy("iteration_1/node_2/process_1", 2 * MIB, 7 * MIB, 2 * MIB)
        copy(DAMAGED, 40 * MIB, 3 * MIB, 13 * MIB)
        right = os.pread(out.fileno(), 1, 19 * MIB)
        put(19 * MIB, bytes([right[0] ^ 1]))
        put(22 * MIB, bytes(4 * MIB))
        copy("iteration_0/node_0/process_3", 30 * MIB, 5 * MIB, 30 * MIB)
        copy(DAMAGED, 44 * MIB, 14 * MIB, 44 * MIB)
        put(47 * MIB, random.Random(7).randbytes(MIB // 2))
        copy("iteration_1/node_3/process_6", 20 * MIB, 6 * MIB, 50 * MIB)
        out.truncate(58 * MIB)
        out.truncate(64 * MIB)
        put(64 * MIB, random.Random(8).randbytes(2 * MIB))
    for node, process in [(n, p) for n in range(3) for p in range(8)][:21]:
        name = f"iteration_1/node_{node}/process_{process}"
        if name != DAMAGED and process != 6:
            (root / name).write_bytes((root / name).read_bytes())


def check_figures(driver, root):
    summary = json.loads((root / ".status/summary.json").read_text())
    files = ["verified", "incomplete", "untouched", "mismatch"]
    wait(driver, lambda: values(driver, "files-tally") == {
        name: summary["files"][name] for name in files})
    states = ["matched", "missing", "wrong", "extra"]
    shown = values(driver, "bytes-tally")
    assert shown == {name: summary["bytes"][name] for name in states}, (shown, summary)
    word = driver.find_element(By.ID, "verdict").text.strip()
    assert word == summary["verdict"], (word, summary["verdict"])


def check_path_to_the_bytes(driver, root):
    """Map, process, file, byte map: with the keyboard to the process, then by clicks."""
    canvas = driver.find_element(By.ID, "map-canvas")
    wait(driver, lambda: ": 1 mismatch," in canvas.get_attribute("aria-label"))
    canvas.send_keys(Keys.HOME, "n", Keys.ENTER)
    wait(driver, lambda: driver.find_elements(By.CSS_SELECTOR, "#files tbody a"))
    link = driver.find_element(By.CSS_SELECTOR, "#files tbody a")
    assert link.text == DAMAGED, link.text
    rows = driver.find_elements(By.CSS_SELECTOR, "#files tbody tr")
    assert len(rows) == 3 and "mismatch" in rows[0].text, "the worst file stands first"
    assert "untouched" in rows[2].text, "files that nobody has written to are listed too"
    link.click()
    document = json.loads((root / f".status/files/{DAMAGED}.json").read_text())
    wait(driver, lambda: driver.find_elements(By.CSS_SELECTOR, "#bytemap svg.bytemap"))
    drawn = driver.execute_script(
        "return [...document.querySelectorAll('.range')].map((one) => one.dataset.class)")
    assert set(drawn) == {one["class"] for one in document["ranges"]}, drawn
    shown = driver.execute_script(
        "return [...document.querySelectorAll('#ranges tbody tr')].map((row) => row.innerText)")
    assert len(shown) == len(document["ranges"]), (len(shown), len(document["ranges"]))
    for line, one in zip(shown, document["ranges"]):
        assert f"{one['offset']:,}" in line and one["class"] in line, (line, one)
    # The arrow into another file is a link to it.
    source = driver.find_element(By.CSS_SELECTOR, '.bytemap a[aria-label$="node_2/process_1"]')
    assert "node_2%2Fprocess_1" in source.get_dom_attribute("href"), "it leads there"


def check_speed_of_news(driver, root):
    """A write that is wrong is on the page within two seconds."""
    before = driver.find_element(By.ID, "latest-of").text
    with open(root / "iteration_1/node_3/process_7", "r+b", buffering=0) as file:
        file.write(b"news " * 100)
    written = time.monotonic()
    wait(driver, lambda: driver.find_element(By.ID, "latest-of").text != before, 10)
    took = time.monotonic() - written
    print(f"a wrong range was on the page after {took:.2f} s")
    assert took < WITHIN_S, took


def look_at_a_server_that_comes_back():
    """A page says that it has lost its server, and goes on when there is one again."""
    with mount("again", "--size", "64K") as root:
        with browser(console="may complain") as driver:
            def state():
                return driver.find_element(By.ID, "connection").get_attribute("data-state")

            with dashboard(root) as address:
                driver.get(address)
                wait(driver, lambda: state() == "live")
            wait(driver, lambda: state() == "lost")
            assert "reconnecting" in driver.find_element(By.ID, "connection").text
            with dashboard(root, listen=address.removeprefix("http://").rstrip("/")):
                wait(driver, lambda: state() == "live")


def look_at_a_small_mount():
    options = ["--seed", "42", "--nodes", "4", "--processes", "8", "--size", "64M",
               "--iterations", "3", "--change", "100"]
    with mount("seed", *options) as root, dashboard(root) as address:
        with browser() as driver:
            driver.get(address)
            damage(root)
            check_figures(driver, root)
            check_path_to_the_bytes(driver, root)
            picture(driver, "dashboard.png")
            picture(driver, "byte-map.png", "#file", "#file .chosen")
            check_speed_of_news(driver, root)
            link = driver.current_url
        with browser(dark=True) as driver:
            driver.get(link)
            wait(driver, lambda: driver.find_elements(By.CSS_SELECTOR, "svg.bytemap"))
            picture(driver, "dashboard-dark.png")
        with browser(width=360, height=740) as driver:
            driver.get(link)
            wait(driver, lambda: driver.find_elements(By.CSS_SELECTOR, "svg.bytemap"))
            wide = driver.execute_script("return document.documentElement.scrollWidth")
            assert wide <= 360, f"the page is {wide} pixels wide where the screen has 360"
            picture(driver, "dashboard-narrow.png")


def report(node, command="write", **more):
    """A node's report, in the form of docs/schema/report.schema.json."""
    now = time.time()
    rates = {"bytes_per_s": 2e9, "files_per_s": 20.0,
             "last_second": {"bytes_per_s": 2.4e9, "files_per_s": 24.0}}
    return {
        "schema": 1, "version": "0.1.0", "command": command,
        "run": {"dataset": "5f0c41d2aa9e7b3c11d2e3f405162738", "seed": "42", "node_id": node,
                "node_count": 4, "job": None, "host": f"n{node:03}", "pid": 4711 + node,
                "started": now - 60, "thread_count": 4},
        "target": "/scratch/test", "phase": "writing", "updated": now, "elapsed_s": 60.0,
        "files": {"total": 100, "done": 40 + node, "failed": 0},
        "bytes": {"total": 100 << 30, "done": (40 + node) << 30}, "rates": rates,
        "remaining_s": 75.0, "errors": {"total": 0, "first": None}, "judged": None,
        "wrong": {"total": 0, "ranges": []}, "operations": None, "map": None, "machine": None,
        "threads": [{"doing": f"node_{node}/process_{one}", "bytes": one << 28,
                     "idle_share": one / 10} for one in range(4)],
        **more,
    }


def look_at_a_cluster_that_writes():
    """Nodes that have failed or fallen silent first, threads, and names that are no HTML."""
    hostile = "<script>document.title='caught'</script>"
    (SCRATCH / "cluster/.seedfs").mkdir(parents=True)
    reports = [report(0), report(1), report(2), report(3)]
    reports[1].update(phase="failed", errors={"total": 1, "first": f"{hostile}: no space"})
    reports[2]["updated"] -= 100
    reports[3]["run"]["host"] = hostile
    for one in reports:
        path = SCRATCH / f"cluster/.seedfs/node{one['run']['node_id']}.write.json"
        path.write_text(json.dumps(one))
    (SCRATCH / "cluster/.seedfs/node9.write.json").write_text("{")
    with dashboard(SCRATCH / "cluster") as address, browser() as driver:
        driver.get(address)
        wait(driver, lambda: driver.find_elements(By.CSS_SELECTOR, "#cluster-table tbody tr"))
        rows = driver.execute_script(
            "return [...document.querySelectorAll('#cluster-table tbody tr')]"
            ".map((row) => row.innerText.split('\\t').map((cell) => cell.trim()))")
        assert [row[0] for row in rows] == ["1", "2", "0", "3"], rows
        assert "failed" in rows[0][2] and "stale" in rows[1][2], rows
        assert rows[3][1] == hostile and hostile in rows[0][-1], rows
        assert "caught" not in driver.title, driver.title
        threads = driver.find_elements(By.CSS_SELECTOR, ".thread")
        assert len(threads) == 8, "those of the two nodes that work"
        assert "not shown" not in driver.find_element(By.ID, "threads-of").text
        assert "node9.write.json" in driver.find_element(By.ID, "cluster-aside").text
        picture(driver, "dashboard-cluster.png")


def look_at_many_cells():
    with mount("many", "--nodes", "256", "--processes", "256", "--size", "16K") as root:
        for node in range(256):
            for process in range(0, 256, 1 + node % 7):
                if node < 160 and (node * 31 + process * 17) % 5:
                    path = root / f"node_{node}/process_{process}"
                    wrong = (node * 7 + process) % 97 == 0
                    path.write_bytes(bytes(16384) if wrong else path.read_bytes())
        with dashboard(root) as address, browser() as driver:
            driver.get(address)
            wait(driver, lambda: "65536 cells" in (driver.find_element(
                By.ID, "map-canvas").get_attribute("aria-label") or ""))
            for process in range(5):
                (root / f"node_250/process_{process}").write_bytes(bytes(16384))
                time.sleep(1.1)
            canvas = driver.find_element(By.ID, "map-canvas")
            canvas.send_keys(Keys.HOME, "n", Keys.ARROW_RIGHT, Keys.ARROW_DOWN)
            measures = driver.execute_script(
                "return performance.getEntriesByType('measure').map((one) =>"
                " [one.name, one.duration])")
            # The first frame makes the page; the others are those that it stays under.
            measures.remove(next(one for one in measures if one[0] == "frame"))
            longest = {name: max(ms for of, ms in measures if of == name)
                       for name in {name for name, _ in measures}}
            print("the longest of each kind, in ms:",
                  {name: round(ms, 1) for name, ms in longest.items()})
            assert all(ms < FRAME_MS for ms in longest.values()), longest
            picture(driver, "dashboard-65536.png")


def main():
    look_at_a_small_mount()
    look_at_a_server_that_comes_back()
    look_at_a_cluster_that_writes()
    look_at_many_cells()
    print("the page shows what is")


main()
