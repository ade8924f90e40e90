//! Flags and environment of the demo.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::nodes::Paces;

/// How the demo is set up: the gateway's flags, and its own. A JWT secret and a service token that
/// are not given are made once and kept in the data directory.
#[derive(Args, Clone, Debug)]
pub struct DemoConfig {
    /// The gateway's part.
    #[command(flatten)]
    pub gateway: flowmaestro_gateway::Config,

    /// Folder in which runs, documents, reports and secrets are kept
    #[arg(
        long,
        env = "DATA_DIR",
        value_name = "FOLDER",
        default_value = ".demo-data"
    )]
    pub data_dir: PathBuf,

    /// Folder of the built page
    #[arg(
        long,
        env = "WWW_DIR",
        value_name = "FOLDER",
        default_value = "www/dist"
    )]
    pub www_dir: PathBuf,

    /// Time between two tokens of a streamed text, in ms
    #[arg(long, env = "TOKEN_DELAY_MS", value_name = "MS", default_value_t = 30)]
    pub token_delay_ms: u32,

    /// Time before the first retry of a request, in ms; each further one waits twice as long
    #[arg(
        long,
        env = "RETRY_DELAY_MS",
        value_name = "MS",
        default_value_t = 1_000
    )]
    pub retry_delay_ms: u32,
}

impl DemoConfig {
    /// How fast nodes go on.
    pub fn paces(&self) -> Paces {
        Paces {
            token_delay: Duration::from_millis(self.token_delay_ms.into()),
            retry_delay: Duration::from_millis(self.retry_delay_ms.into()),
        }
    }
}
