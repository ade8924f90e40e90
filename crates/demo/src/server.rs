//! The demo, put together: start, service, shutdown.

use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use axum::Router;
use flowmaestro_gateway::{ConfigError, Gateway, TooManyListeners, serve};
use flowmaestro_protocol::EventType;
use thiserror::Error;
use tokio::net::TcpListener;

use crate::config::DemoConfig;
use crate::data_dir::{DataDir, DataDirError};
use crate::documents::Documents;
use crate::nodes::{Answers, HttpClient, Services};
use crate::runs::Runs;
use crate::tasks::Tasks;
use crate::workflow::{self, WorkflowError};
use crate::{api, page};

/// A demo that listens. Requests wait until it is [run](Self::run).
pub struct Demo {
    listener: TcpListener,
    gateway: Gateway,
    router: Router,
    tasks: Tasks,
}

/// Why the demo does not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// The data directory cannot be used.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The gateway refuses its configuration.
    #[error(transparent)]
    Gateway(#[from] ConfigError),
    /// A workflow definition is wrong.
    #[error(transparent)]
    Workflow(#[from] WorkflowError),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the operating system says.
        source: io::Error,
    },
    /// The operating system does not say where it listens.
    #[error("the address that is listened on is unknown: {0}")]
    LocalAddress(io::Error),
    /// The workflows call the demo itself over loopback.
    #[error("--host {0} is not reachable over loopback; use 127.0.0.1, ::1, 0.0.0.0 or ::")]
    NotLoopback(IpAddr),
    /// What was kept from before cannot be loaded.
    #[error("the data directory cannot be read: {0}")]
    Load(io::Error),
    /// The HTTP client cannot be made.
    #[error("no HTTP client: {0}")]
    HttpClient(#[from] reqwest::Error),
    /// The emitter takes no more listeners.
    #[error(transparent)]
    Listeners(#[from] TooManyListeners),
}

impl Demo {
    /// Opens the data directory, begins to listen, and takes up what was under way when the last
    /// demo on that directory ended.
    ///
    /// # Errors
    ///
    /// [`StartError`] says what is in the way.
    pub async fn start(config: DemoConfig) -> Result<Self, StartError> {
        let workflows = workflow::bundled()?;
        let data = DataDir::open(&config.data_dir)?;
        let gateway = Gateway::new(with_secrets(config.gateway.clone(), &data)?)?;
        let listener = listen(gateway.config().address()).await?;
        let address = listener.local_addr().map_err(StartError::LocalAddress)?;
        let tasks = Tasks::default();
        let documents = Documents::open(data.clone(), gateway.clone(), tasks.clone()).await;
        let answers = Answers::default();
        let arrived = answers.clone();
        gateway
            .emitter()
            .on(EventType::UserInputResponse, move |event| {
                arrived.arrived(event)
            })?;
        let services = Services {
            http: HttpClient::new()?,
            documents: documents.map_err(StartError::Load)?,
            answers,
            data,
            paces: config.paces(),
        };
        let origin = loopback_origin(address)?;
        let runs = Runs::open(workflows, services, gateway.clone(), tasks.clone(), origin);
        let runs = runs.map_err(StartError::Load)?;
        let router = gateway
            .router()
            .merge(api::router(gateway.clone(), runs))
            .merge(page::router(&config.www_dir));
        let router = page::with_security_headers(router, address.port());
        Ok(Self {
            listener,
            gateway,
            router,
            tasks,
        })
    }

    /// Where it listens.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `shutdown` completes. Runs that are under way then are taken up by the next
    /// demo on the same data directory.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        serve(self.listener, self.gateway, self.router, shutdown).await;
        self.tasks.stop().await;
    }
}

fn with_secrets(
    mut config: flowmaestro_gateway::Config,
    data: &DataDir,
) -> Result<flowmaestro_gateway::Config, DataDirError> {
    if config.jwt_secret.is_none() && !config.dev {
        config.jwt_secret = Some(data.secret("jwt-secret")?.into());
    }
    if config.service_token.is_none() {
        config.service_token = Some(data.secret("service-token")?.into());
    }
    Ok(config)
}

async fn listen(address: SocketAddr) -> Result<TcpListener, StartError> {
    loopback_origin(address)?;
    TcpListener::bind(address)
        .await
        .map_err(|source| StartError::Listen { address, source })
}

/// The address by which the demo reaches itself.
fn loopback_origin(address: SocketAddr) -> Result<String, StartError> {
    let host = match address.ip() {
        ip if ip.is_loopback() => ip,
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => return Err(StartError::NotLoopback(ip)),
    };
    Ok(format!("http://{}", SocketAddr::new(host, address.port())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_reaches_itself() {
        let origin = |text: &str| loopback_origin(text.parse().unwrap()).ok();
        assert_eq!(origin("127.0.0.1:1").as_deref(), Some("http://127.0.0.1:1"));
        assert_eq!(origin("0.0.0.0:2").as_deref(), Some("http://127.0.0.1:2"));
        assert_eq!(origin("[::]:3").as_deref(), Some("http://[::1]:3"));
        assert_eq!(origin("192.0.2.1:4"), None);
    }
}
