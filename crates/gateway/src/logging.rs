use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;

/// What a program on this gateway logs at a level: the gateway's own lines, and of its libraries no
/// more than warnings. On their finer levels the libraries print whole frames and headers, and with
/// them users' data and tokens.
pub fn log_targets(level: LevelFilter) -> Targets {
    Targets::new()
        .with_default(level.min(LevelFilter::WARN))
        .with_target("flowmaestro_gateway", level)
}
