// Which leaderboard is chosen: two selects and the address, which always agree, so that a board can be shared.

import { campaignName, metricName } from "./format.js";

export class Choice {
  /** `changed` is called after the reader chose, or went back or forward. */
  constructor(campaigns, metrics, changed) {
    this.selects = { campaign: campaigns, metric: metrics };
    this.known = { campaign: [], metric: [] };
    this.changed = changed;
    this.read();
    for (const select of [campaigns, metrics]) select.addEventListener("change", () => this.choose());
    addEventListener("popstate", () => {
      this.read();
      this.fill();
      this.changed();
    });
  }

  /** Whether there is something to choose from, or an address that names a board. */
  get made() {
    return Boolean(this.campaign && this.metric);
  }

  /** Take in what leaderboards there are now. */
  offer(campaigns, metrics) {
    this.known = { campaign: campaigns, metric: metrics };
    this.campaign ??= campaigns[0] ?? null;
    this.metric ??= metrics[0] ?? null;
    this.fill();
  }

  read() {
    const address = new URLSearchParams(location.search);
    this.campaign = address.get("campaign") || (this.known.campaign[0] ?? null);
    this.metric = address.get("metric") || (this.known.metric[0] ?? null);
  }

  choose() {
    this.campaign = this.selects.campaign.value;
    this.metric = this.selects.metric.value;
    history.pushState(null, "", `?${new URLSearchParams({ campaign: this.campaign, metric: this.metric })}`);
    this.changed();
  }

  fill() {
    fillSelect(this.selects.campaign, this.known.campaign, this.campaign, campaignName);
    fillSelect(this.selects.metric, this.known.metric, this.metric, metricName);
  }
}

/** Options are made anew only when they changed: an open list stays as it is. */
function fillSelect(select, known, chosen, label) {
  const names = chosen === null || known.includes(chosen) ? known : [chosen, ...known];
  const shown = Array.from(select.options, (option) => option.value);
  if (names.length !== shown.length || names.some((name, at) => name !== shown[at])) {
    select.replaceChildren(...names.map((name) => new Option(label(name), name)));
  }
  select.disabled = names.length === 0;
  if (chosen !== null) select.value = chosen;
}
