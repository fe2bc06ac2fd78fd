//! Where the gateway listens → what it is called: by callers, by us, and in the Host of a request.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::Url;

use crate::fault::{Fault, Outcome};

/// A URL of the gateway that works on this machine: nobody can call an unspecified address.
pub(super) fn reachable(listen: SocketAddr) -> String {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    format!("http://{}", SocketAddr::new(ip, listen.port()))
}

/// A public URL in the form that paths are added to. The auth-server judges the rest of it.
pub(super) fn public(url: &str) -> Outcome<String> {
    host(url).map(|_| url.trim_end_matches('/').to_owned())
}

/// Adds the names that callers will use without having been asked for them: the address it listens
/// on, and the host of the public URL.
pub(super) fn add_names(names: &mut Vec<String>, listen: SocketAddr, public: &str) -> Outcome<()> {
    let ip = match listen.ip() {
        ip if ip.is_unspecified() => None,
        IpAddr::V4(ip) => Some(ip.to_string()),
        IpAddr::V6(ip) => Some(format!("[{ip}]")),
    };
    for name in ip.into_iter().chain([host(public)?]) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    Ok(())
}

fn host(url: &str) -> Outcome<String> {
    let parsed = Url::parse(url).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    let host = parsed.and_then(|url| url.host_str().map(str::to_owned));
    host.ok_or_else(|| Fault::new(format!("PUBLIC_URL must be http(s)://host[:port], not {url:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(address: &str) -> SocketAddr {
        address.parse().expect("an address")
    }

    #[test]
    fn an_unspecified_address_is_called_on_loopback() {
        for (listen, url) in [
            ("127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("192.168.1.5:80", "http://192.168.1.5:80"),
            ("0.0.0.0:8080", "http://127.0.0.1:8080"),
            ("[::]:8080", "http://[::1]:8080"),
            ("[fd00::5]:8080", "http://[fd00::5]:8080"),
        ] {
            assert_eq!(reachable(at(listen)), url);
        }
    }

    #[test]
    fn the_names_it_is_called_by_are_added_once() {
        let names = |listen: &str, public: &str| {
            let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
            add_names(&mut names, at(listen), public).map(|()| names.split_off(2))
        };
        assert_eq!(names("127.0.0.1:1", "http://127.0.0.1:1"), Ok(vec![]));
        assert_eq!(names("192.168.1.5:1", "http://192.168.1.5:1"), Ok(vec!["192.168.1.5".into()]));
        assert_eq!(names("[fd00::5]:1", "http://[fd00::5]:1"), Ok(vec!["[fd00::5]".into()]));
        let public = "https://Agents.example.com/";
        assert_eq!(names("0.0.0.0:1", public), Ok(vec!["agents.example.com".into()]));
        assert_eq!(super::public(public), Ok("https://Agents.example.com".into()));
        for wrong in ["agents.example.com", "ftp://a", "http://", ""] {
            assert!(names("0.0.0.0:1", wrong).is_err(), "{wrong}");
        }
    }
}
