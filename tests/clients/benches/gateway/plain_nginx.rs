//! An nginx that passes every call on and asks nobody: what any gateway costs at least.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Starts one before this server; it listens where it is told.
pub(crate) fn start(folder: &Path, listen: SocketAddr, server: SocketAddr) -> Child {
    std::fs::create_dir_all(folder).unwrap();
    let here = folder.display();
    let configuration = format!(
        r#"worker_processes 1; daemon off; pid "{here}/pid"; error_log "{here}/error.log" crit;
        events {{ worker_connections 512; }}
        http {{
            access_log off;
            client_body_temp_path "{here}/body"; proxy_temp_path "{here}/proxy"; fastcgi_temp_path "{here}/f";
            uwsgi_temp_path "{here}/u"; scgi_temp_path "{here}/s";
            keepalive_requests 1000000;
            upstream server {{ server {server}; keepalive 8; keepalive_requests 1000000; }}
            server {{
                listen {listen};
                location / {{
                    proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host {server};
                    proxy_buffering off; proxy_request_buffering off;
                    proxy_pass http://server;
                }}
            }}
        }}"#
    );
    let file = folder.join("nginx.conf");
    std::fs::write(&file, configuration).unwrap();
    let mut nginx = Command::new("nginx");
    nginx.arg("-e").arg(folder.join("error.log")).arg("-c").arg(&file).stdin(Stdio::null());
    nginx.spawn().unwrap()
}
