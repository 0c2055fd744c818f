//! Words for people: what others have written, made harmless, and figures as one reads them.

use std::borrow::Cow;

/// Text that others have written, as names of files and of machines, without what a terminal would
/// take for commands and without what changes the order or the look of the text around it.
#[must_use]
pub fn plain(text: &str) -> Cow<'_, str> {
    if text.contains(is_unsafe) {
        let escape = |c: char| if is_unsafe(c) { c.escape_default().to_string() } else { c.into() };
        return text.chars().map(escape).collect::<String>().into();
    }
    text.into()
}

/// Control characters; marks of no width, of direction, and separators of lines.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        )
}

/// A time for people, like `3 min 5 s`.
#[must_use]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "shown rounded")]
pub fn duration(seconds: f64) -> String {
    let seconds = seconds.max(0.0) as u64;
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3600),
    }
}

/// Bytes a second in decimal units, like `1.23 GB/s`, as the end of a run says them.
#[must_use]
pub fn throughput(bytes_per_s: f64) -> String {
    let (number, unit) = scaled(bytes_per_s);
    format!("{number} {unit}B/s")
}

/// How long an operation takes, like `12 µs`.
#[must_use]
pub fn latency(seconds: f64) -> String {
    let (number, unit) = match seconds {
        ..1e-6 => (seconds * 1e9, "ns"),
        ..1e-3 => (seconds * 1e6, "µs"),
        ..1.0 => (seconds * 1e3, "ms"),
        _ => (seconds, "s"),
    };
    let digits = usize::from(number < 9.95 && unit != "ns");
    format!("{number:.digits$} {unit}")
}

/// Events a second with their name, like `12.3 k ops/s`.
#[must_use]
pub fn events(per_s: f64, name: &str) -> String {
    let (number, unit) = scaled(per_s);
    let between = if unit.is_empty() { "" } else { " " };
    format!("{number}{between}{unit} {name}/s")
}

/// A number and what is counted, like `1 range` or `3 ranges`.
#[must_use]
pub fn counted(number: u64, one: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {one}{plural}", grouped(number))
}

/// Three significant digits, and the decimal prefix of their unit.
fn scaled(number: f64) -> (String, &'static str) {
    const UNITS: [&str; 7] = ["", "k", "M", "G", "T", "P", "E"];
    const LARGEST: f64 = 999e18;
    let mut number = if number.is_finite() { number.clamp(0.0, LARGEST) } else { 0.0 };
    let mut unit = 0;
    // 999.5 and more would be written with four digits.
    while number >= 999.5 && unit + 1 < UNITS.len() {
        number /= 1000.0;
        unit += 1;
    }
    let digits = match number {
        _ if unit == 0 && (number.fract() == 0.0 || number >= 10.0) => 0,
        0.0..9.995 => 2,
        9.995..99.95 => 1,
        _ => 0,
    };
    (format!("{number:.digits$}"), UNITS[unit])
}

/// A number with commas between the thousands, like `1,234,567`.
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_have_two_digits_or_three() {
        let cases = [
            (0.0, "0 ns"),
            (850e-9, "850 ns"),
            (1.25e-6, "1.2 µs"),
            (12.4e-6, "12 µs"),
            (999e-6, "999 µs"),
            (1.5e-3, "1.5 ms"),
            (2.0, "2.0 s"),
            (75.0, "75 s"),
        ];
        for (seconds, words) in cases {
            assert_eq!(latency(seconds), words);
        }
    }

    #[test]
    fn what_a_terminal_obeys_is_written_out() {
        assert_eq!(plain("node_0/process_1 (größe, 文)"), "node_0/process_1 (größe, 文)");
        assert_eq!(plain("a\x1b[2Jb\r\n\x07"), "a\\u{1b}[2Jb\\r\\n\\u{7}");
        assert_eq!(plain("\u{9b}31m"), "\\u{9b}31m");
        assert_eq!(plain("evil\u{202e}gpj.exe\u{200b}"), "evil\\u{202e}gpj.exe\\u{200b}");
        assert_eq!(plain("a\u{2028}b\u{feff}\u{ad}"), "a\\u{2028}b\\u{feff}\\u{ad}");
    }

    #[test]
    fn figures_have_three_digits() {
        for (rate, words) in [
            (0.0, "0 B/s"),
            (0.25, "0.25 B/s"),
            (999.4, "999 B/s"),
            (999.6, "1.00 kB/s"),
            (12_345.0, "12.3 kB/s"),
            (999_600.0, "1.00 MB/s"),
            (123_456_789.0, "123 MB/s"),
            (1_234_567_890.0, "1.23 GB/s"),
            (9.996e9, "10.0 GB/s"),
            (f64::NAN, "0 B/s"),
            (f64::INFINITY, "0 B/s"),
            (-1.0, "0 B/s"),
        ] {
            assert_eq!(throughput(rate), words, "{rate}");
        }
        assert_eq!(events(7.0, "ops"), "7 ops/s");
        assert_eq!(events(12_345.0, "files"), "12.3 k files/s");
        assert_eq!(
            (counted(1, "range"), counted(0, "range")),
            ("1 range".into(), "0 ranges".into())
        );
        assert_eq!(throughput(f64::MAX), "999 EB/s");
    }

    #[test]
    fn thousands_are_grouped() {
        for (number, words) in
            [(0, "0"), (999, "999"), (1000, "1,000"), (u64::MAX, "18,446,744,073,709,551,615")]
        {
            assert_eq!(grouped(number), words);
        }
    }

    #[test]
    fn a_time_has_two_units() {
        for (seconds, words) in [
            (-1.0, "0 s"),
            (59.9, "59 s"),
            (60.0, "1 min 0 s"),
            (3661.0, "1 h 1 min"),
            (90_000.0, "1 d 1 h"),
        ] {
            assert_eq!(duration(seconds), words);
        }
    }
}
