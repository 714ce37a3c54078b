//! nginx 1.22: HTTP/1.1, HTTP/2 with TLS and with prior knowledge, client certificates, a WebSocket proxy.

use super::Server;
use crate::{Leaf, Ready, Site, program};
use core::fmt::Write as _;

/// Builds an nginx. What it serves at every door:
///
/// `/hello` says hello; files of the folder `www` below `/`; `/slow/` the same at 4 KiB/s; `/chunked/` the same in chunks;
/// `/put/` takes PUT into the folder `www/put`; `/post` takes a body of up to 1 MiB and logs it; `/redirect` leads to `/hello`;
/// `/status/CODE` answers 204, 401, 404, 429 (with Retry-After), 500 and 503; what `websocket` and `location` add.
///
/// Its log, one line per exchange: `PORT "REQUEST" STATUS sent= req= conn=N/M tls= alpn= client= agent= auth= body=`.
#[derive(Debug, Default)]
pub struct Nginx {
    doors: Vec<(u16, String)>,
    ports: Vec<u16>,
    locations: String,
    everywhere: bool,
}

impl Nginx {
    /// No doors yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The doors that follow are open on all addresses of the site, of both families, and not on loopback alone.
    #[must_use]
    pub const fn everywhere(mut self) -> Self {
        self.everywhere = true;
        self
    }

    /// A door for HTTP/1.1 in the clear.
    #[must_use]
    pub fn http(self, port: u16) -> Self {
        self.door(port, "", "")
    }

    /// A door for HTTP/1.1 at a Unix socket. Another door must tell when it is ready.
    #[must_use]
    pub fn unix(mut self, path: &str) -> Self {
        self.doors.insert(0, (0, format!("listen unix:{path};")));
        self
    }

    /// A door for HTTP/2 in the clear, by prior knowledge.
    #[must_use]
    pub fn h2c(self, port: u16) -> Self {
        self.door(port, "http2", "")
    }

    /// A TLS door for HTTP/1.1.
    #[must_use]
    pub fn https(self, port: u16, leaf: &Leaf) -> Self {
        let tls = certificate(leaf);
        self.door(port, "ssl", &tls)
    }

    /// A TLS door for HTTP/2, and HTTP/1.1 for those who do not offer h2.
    #[must_use]
    pub fn h2(self, port: u16, leaf: &Leaf) -> Self {
        let tls = certificate(leaf);
        self.door(port, "ssl http2", &tls)
    }

    /// A TLS door for HTTP/1.1 that wants a client certificate below `ca`.
    #[must_use]
    pub fn mutual(self, port: u16, leaf: &Leaf, ca: &Leaf) -> Self {
        let tls = format!(
            "{} ssl_client_certificate {}; ssl_verify_client on;",
            certificate(leaf),
            ca.cert_path()
        );
        self.door(port, "ssl", &tls)
    }

    /// Hands WebSocket connections at `path` on to a server on this site.
    #[must_use]
    pub fn websocket(self, path: &str, upstream: u16) -> Self {
        self.location(
            path,
            &format!(
                "proxy_pass http://127.0.0.1:{upstream}; proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade; proxy_read_timeout 60s;"
            ),
        )
    }

    /// A location in nginx's own words.
    #[must_use]
    pub fn location(mut self, path: &str, rules: &str) -> Self {
        let _ = writeln!(self.locations, "    location {path} {{ {rules} }}");
        self
    }

    fn door(mut self, port: u16, kind: &str, tls: &str) -> Self {
        let address = if self.everywhere {
            format!("[::]:{port} ipv6only=off")
        } else {
            format!("127.0.0.1:{port}")
        };
        self.doors.push((port, format!("listen {address} {kind}; {tls}")));
        self.ports.push(port);
        self
    }

    /// Starts it; it is ready when its last door listens.
    #[must_use]
    pub fn start(self, site: &Site) -> Server {
        let _www = site.folder("www");
        let _put = site.folder("www/put");
        let _temporary = site.folder("nginx");
        let config = site.write("nginx.conf", self.config(site));
        // One that was killed leaves its socket behind, and the next would not start.
        let _gone = std::fs::remove_file(site.dir().join("nginx/post.sock"));
        let path = program("nginx", "nginx");
        let error_log = site.dir().join("nginx/error.log");
        let args =
            ["-p", "nginx", "-e", error_log.to_str().unwrap(), "-c", config.to_str().unwrap()];
        let ready = self.ports.last().map_or(Ready::Started, |&port| Ready::Port(port));
        Server::new(site, site.start("nginx", &path, &args, &ready), "nginx/access.log")
    }

    fn config(&self, site: &Site) -> String {
        let dir = site.dir().display();
        let mut servers = String::new();
        for (port, door) in &self.doors {
            let _ = writeln!(
                servers,
                "  server {{ {door} set $door {port};\n{}{}  }}",
                locations(site),
                self.locations
            );
        }
        format!(
            "daemon off; master_process off; worker_processes 1; user root;
pid {dir}/nginx/pid; error_log {dir}/nginx/error.log info;
events {{ worker_connections 512; }}
http {{
  client_body_temp_path {dir}/nginx/body; proxy_temp_path {dir}/nginx/proxy; fastcgi_temp_path {dir}/nginx/fastcgi;
  uwsgi_temp_path {dir}/nginx/uwsgi; scgi_temp_path {dir}/nginx/scgi;
  log_format full '$door \"$request\" $status sent=$body_bytes_sent req=$request_length conn=$connection/$connection_requests tls=$ssl_protocol alpn=$ssl_alpn_protocol client=\"$ssl_client_s_dn\" agent=\"$http_user_agent\" auth=\"$http_authorization\" body=\"$request_body\"';
  access_log {dir}/nginx/access.log full;
  default_type text/plain; client_max_body_size 64m; root {dir}/www;
  keepalive_timeout 60s;
  server {{ listen unix:{dir}/nginx/post.sock; access_log off; location / {{ return 200 posted\\n; }} }}
{servers}}}
"
        )
    }
}

fn certificate(leaf: &Leaf) -> String {
    format!(
        "ssl_certificate {}; ssl_certificate_key {}; ssl_protocols TLSv1.2 TLSv1.3;",
        leaf.cert_path(),
        leaf.key_path()
    )
}

/// What every door serves.
fn locations(site: &Site) -> String {
    let dir = site.dir().display();
    format!(
        "    location = /hello {{ return 200 hello\\n; }}
    location = /redirect {{ return 302 /hello; }}
    location = /status/204 {{ return 204; }}
    location = /status/401 {{ add_header WWW-Authenticate Basic always; return 401; }}
    location = /status/404 {{ return 404; }}
    location = /status/429 {{ add_header Retry-After 1 always; return 429; }}
    location = /status/500 {{ return 500; }}
    location = /status/503 {{ return 503; }}
    location = /post {{ client_body_buffer_size 1m; client_body_in_single_buffer on; proxy_pass http://unix:{dir}/nginx/post.sock:/; }}
    location /put/ {{ dav_methods PUT DELETE; create_full_put_path on; }}
    location /slow/ {{ alias {dir}/www/; limit_rate 4k; }}
    location /chunked/ {{ alias {dir}/www/; sub_filter_types *; sub_filter never-there x; }}
"
    )
}
