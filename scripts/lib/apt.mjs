// Debian packages, for machines where the package registries are all there is.

import { run, which } from "./run.mjs";

/** Whether packages can be installed with apt-get at all. */
export function hasApt() {
  return which(["apt-get"]) !== null;
}

/** Runs a command as root: directly, or through a sudo that asks no password. */
export function runAsRoot(command, args) {
  if (process.getuid() === 0) return run(command, args);
  try {
    run("sudo", ["-n", command, ...args]);
  } catch {
    throw new Error(`this has to be run as root: ${[command, ...args].join(" ")}`);
  }
}

/** Installs Debian packages. The package lists are refreshed first, as an old list names files
 *  that the mirror no longer has. */
export function aptInstall(packages) {
  const aptGet = ["DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq"];
  runAsRoot("env", [...aptGet, "update"]);
  runAsRoot("env", [...aptGet, "install", "-y", "--no-install-recommends", ...packages]);
}
