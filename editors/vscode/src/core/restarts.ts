/** When to start a daemon again that has died: at once, then later and later, and not for ever. */

const WAITS_S = [0, 1, 3, 10, 30];
/** A daemon that ran this long was well; what ended it is a new story. */
const WAS_WELL_S = 120;

export class Restarts {
  private deaths = 0;

  /** It died after `ran_s` seconds. Returns how long to wait, undefined to give up. */
  onDeath(ranS: number): number | undefined {
    if (ranS >= WAS_WELL_S) this.deaths = 0;
    return WAITS_S[this.deaths++];
  }

  /** The user wants it to be tried again. */
  reset(): void {
    this.deaths = 0;
  }
}
