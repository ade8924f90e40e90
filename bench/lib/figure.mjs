// A figure: one value beside those of its peers, and what it should be.

/**
 * @typedef {object} Row
 * @property {string} name what was measured, and of whom
 * @property {number} value
 * @property {string} unit
 * @property {string} [peer] whom it is compared with
 * @property {number} [ratio] the value divided by the peer's
 * @property {string} [goal] what the ratio, or else the value, should be, for people
 * @property {boolean} [met] whether it is
 */

/** A value beside a peer's; `max` is the largest ratio that meets the goal. */
export function compared(name, value, unit, peer, max) {
  const ratio = value / peer.value;
  const goal = max === undefined ? {} : { goal: `≤ ${max} ×`, met: ratio <= max };
  return { name, value, unit, peer: peer.name, ratio, ...goal };
}

/** A value by itself; `max` is the largest that meets the goal. */
export function alone(name, value, unit, max) {
  const goal =
    max === undefined
      ? {}
      : { goal: `≤ ${max.toLocaleString("en")} ${unit}`.trim(), met: value <= max };
  return { name, value, unit, ...goal };
}
