//! Who may look.
//!
//! A page on this machine's loopback address is for everybody on this machine. Any other address is
//! reached from elsewhere, so it asks for a token, which comes once in the address and then in a
//! cookie, or in the header of a script. In either case the name under which a browser asks is
//! checked: a page of somebody else's whose name suddenly leads here (DNS rebinding) would be let
//! in by the browser otherwise.

use std::net::{IpAddr, Ipv6Addr};

use axum::http::header::{AUTHORIZATION, COOKIE, HOST};
use axum::http::{HeaderMap, HeaderValue, Uri};
use subtle::ConstantTimeEq;

/// What lets somebody in: 16 to 128 characters that need no escape in an address or a cookie.
#[derive(Clone)]
pub struct Token(String);

/// Why a text cannot be a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {TOKEN_BYTES_MIN} to {TOKEN_BYTES_MAX} letters, digits, or one of . _ ~ -")]
pub struct TokenError;

const TOKEN_BYTES_MIN: usize = 16;
const TOKEN_BYTES_MAX: usize = 128;

impl Token {
    /// Takes a text for a token.
    ///
    /// # Errors
    ///
    /// Where it is too short to be a secret, too long, or has other characters.
    pub fn new(text: &str) -> Result<Self, TokenError> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._~-".contains(&byte);
        let fits = (TOKEN_BYTES_MIN..=TOKEN_BYTES_MAX).contains(&text.len());
        (fits && text.bytes().all(is_plain)).then(|| Self(text.to_owned())).ok_or(TokenError)
    }

    /// A token of 128 random bits.
    #[must_use]
    pub fn of_bytes(random: [u8; 16]) -> Self {
        Self(hex::encode(random))
    }

    /// The text, to be shown to the one who is to look.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// In a time that does not tell how much of a guess is right.
    fn is(&self, guess: &str) -> bool {
        self.0.as_bytes().ct_eq(guess.as_bytes()).into()
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(…)")
    }
}

/// Who may look at a page.
#[derive(Clone, Debug)]
pub(super) struct PageAccess {
    token: Option<Token>,
    /// The name of this machine: it may be asked for by that too.
    machine: String,
    /// Cookies do not tell the ports of a machine apart, so their names do.
    cookie_name: String,
}

/// What becomes of a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// It is answered.
    Granted,
    /// It is answered, and the browser is told to show this from now on.
    WithCookie(HeaderValue),
    /// It has another host's name, or none.
    WrongHost,
    /// It does not have the token.
    NoToken,
}

impl PageAccess {
    pub(super) fn new(token: Option<Token>, machine: String, port: u16) -> Self {
        Self { token, machine, cookie_name: format!("seedfs_{port}") }
    }

    pub(super) fn admit(&self, uri: &Uri, headers: &HeaderMap) -> Admission {
        let host = headers.get(HOST).and_then(|host| host.to_str().ok());
        let has_one_host = headers.get_all(HOST).iter().count() == 1;
        if !has_one_host || !host.is_some_and(|host| self.is_our_name(host)) {
            return Admission::WrongHost;
        }
        let Some(token) = &self.token else { return Admission::Granted };
        if self.bearer(headers).chain(self.cookies(headers)).any(|guess| token.is(guess)) {
            return Admission::Granted;
        }
        let in_address = uri
            .query()
            .and_then(|query| query.split('&').find_map(|part| part.strip_prefix("token=")));
        match in_address {
            Some(guess) if token.is(guess) => self.with_cookie(token),
            _ => Admission::NoToken,
        }
    }

    /// Names lead somewhere else tomorrow; numbers do not. Beside them there is only this machine.
    fn is_our_name(&self, host: &str) -> bool {
        let name = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((inner, _)) => return inner.parse::<Ipv6Addr>().is_ok(),
            None => host.rsplit_once(':').map_or(host, |(name, _)| name),
        };
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        let machine = self.machine.to_ascii_lowercase();
        name.parse::<IpAddr>().is_ok()
            || name == "localhost"
            || name.ends_with(".localhost")
            || (!machine.is_empty() && name == machine)
            // In another domain it may be somebody else's, who does not have the token.
            || (self.token.is_some() && !machine.is_empty() && short(&name) == short(&machine))
    }

    #[expect(clippy::unused_self, reason = "beside the cookies")]
    fn bearer<'a>(&self, headers: &'a HeaderMap) -> impl Iterator<Item = &'a str> {
        let value = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        value.and_then(|value| value.strip_prefix("Bearer ")).into_iter()
    }

    fn cookies<'a>(&'a self, headers: &'a HeaderMap) -> impl Iterator<Item = &'a str> {
        let values = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(';')).filter_map(|pair| {
            let (name, value) = pair.trim().split_once('=')?;
            (name == self.cookie_name).then_some(value)
        })
    }

    fn with_cookie(&self, token: &Token) -> Admission {
        let cookie = format!(
            "{}={}; Path=/; HttpOnly; SameSite=Strict; Max-Age=2592000",
            self.cookie_name,
            token.reveal()
        );
        // The characters of a token are those of a header.
        HeaderValue::from_str(&cookie).map_or(Admission::Granted, Admission::WithCookie)
    }
}

fn short(name: &str) -> &str {
    name.split('.').next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "0123456789abcdef";

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    fn access(token: Option<&str>) -> PageAccess {
        PageAccess::new(token.map(|text| Token::new(text).unwrap()), "n001.cluster".into(), 7333)
    }

    fn admit(access: &PageAccess, uri: &str, pairs: &[(&'static str, &str)]) -> Admission {
        access.admit(&uri.parse().unwrap(), &headers(pairs))
    }

    #[test]
    fn names_of_others_are_refused() {
        let open = access(None);
        for ours in [
            "localhost",
            "localhost:7333",
            "LOCALHOST:1",
            "127.0.0.1:7333",
            "10.1.2.3",
            "[::1]:7333",
            "[fe80::1]",
            "dash.localhost:7333",
            "n001.cluster:7333",
            "localhost.:7333",
        ] {
            assert_eq!(admit(&open, "/", &[("host", ours)]), Admission::Granted, "{ours}");
        }
        for theirs in [
            "evil.example",
            "localhost.evil.example",
            "evil.example:7333",
            "127.0.0.1.evil.example",
            "n001.evil.example",
            "",
            "[evil]",
            ":7333",
            "127.0.0.1@evil.example",
        ] {
            assert_eq!(admit(&open, "/", &[("host", theirs)]), Admission::WrongHost, "{theirs}");
        }
        assert_eq!(admit(&open, "/", &[]), Admission::WrongHost);
        let two = [("host", "localhost"), ("host", "evil.example")];
        let mut both = headers(&two[..1]);
        both.append("host", "evil.example".parse().unwrap());
        assert_eq!(open.admit(&"/".parse().unwrap(), &both), Admission::WrongHost);
    }

    #[test]
    fn the_token_comes_by_header_cookie_or_once_in_the_address() {
        let closed = access(Some(TOKEN));
        let host = ("host", "n001:7333");
        assert_eq!(admit(&closed, "/", &[host]), Admission::NoToken);
        let bearer = format!("Bearer {TOKEN}");
        assert_eq!(admit(&closed, "/", &[host, ("authorization", &bearer)]), Admission::Granted);
        let cookie = format!("other=1; seedfs_7333={TOKEN}");
        assert_eq!(admit(&closed, "/", &[host, ("cookie", &cookie)]), Admission::Granted);
        let Admission::WithCookie(cookie) = admit(&closed, &format!("/?token={TOKEN}"), &[host])
        else {
            panic!("no cookie");
        };
        let cookie = cookie.to_str().unwrap();
        assert!(cookie.starts_with(&format!("seedfs_7333={TOKEN}; ")), "{cookie}");
        assert!(cookie.contains("HttpOnly; SameSite=Strict"), "{cookie}");
        for guess in ["", "0123456789abcdeF", "0123456789abcde", "0123456789abcdef0"] {
            let bearer = format!("Bearer {guess}");
            let cookie = format!("seedfs_7333={guess}");
            for pair in [("authorization", bearer.as_str()), ("cookie", &cookie)] {
                assert_eq!(admit(&closed, "/", &[host, pair]), Admission::NoToken, "{pair:?}");
            }
            let uri = format!("/?token={guess}");
            assert_eq!(admit(&closed, &uri, &[host]), Admission::NoToken, "{guess}");
        }
        let other = format!("seedfs_7334={TOKEN}");
        assert_eq!(admit(&closed, "/", &[host, ("cookie", &other)]), Admission::NoToken);
    }

    #[test]
    fn a_token_is_long_enough_and_needs_no_escape() {
        assert!(Token::new(TOKEN).is_ok());
        let of_bytes = Token::of_bytes([7; 16]);
        assert!(Token::new(of_bytes.reveal()).is_ok());
        for text in
            ["", "0123456789abcde", "0123456789abcde f", "0123456789abcdef;", &"a".repeat(129)]
        {
            assert_eq!(Token::new(text).unwrap_err(), TokenError, "{text}");
        }
        assert!(!format!("{of_bytes:?}").contains("07"), "a token is not logged");
    }
}
