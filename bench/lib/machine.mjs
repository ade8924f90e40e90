// On what the figures were measured: without that they mean little.

import { cpus, loadavg, platform, release, totalmem } from "node:os";

export function describeMachine(browserVersion) {
  const processors = cpus();
  return {
    processor: processors[0]?.model.trim() ?? "unknown",
    cores: processors.length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${platform()} ${release()}`,
    browser: `Chromium ${browserVersion}`,
    node: process.version,
    load: Number(loadavg()[0].toFixed(2)),
  };
}
