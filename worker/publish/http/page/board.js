// The rows. What others wrote (author, text) is set as text, never as markup.

import { ago, count, exactValue, fullTime, isPerHour, keyOf, metricWords, movement, shortValue } from "./format.js";

const MOST_ROWS = 100;
const SMOOTH = { duration: 450, easing: "cubic-bezier(0.2, 0, 0, 1)" };

const still = matchMedia("(prefers-reduced-motion: reduce)");
const template = document.getElementById("row");

export class Board {
  constructor(list, more) {
    this.list = list;
    this.more = more;
    this.rows = new Map(); // Post ID -> its row
    this.key = null;
  }

  /** Show this leaderboard. Rows of the same Posts move to their new places. */
  show(leaderboard, now) {
    const key = keyOf(leaderboard);
    const smooth = key === this.key && !still.matches && !document.hidden;
    if (key !== this.key) this.clear();
    this.key = key;
    const places = smooth ? this.places() : null;
    const entries = leaderboard.entries.slice(0, MOST_ROWS);
    const focused = document.activeElement;
    this.arrange(entries, leaderboard.metric, smooth, now);
    if (focused !== document.activeElement && focused?.isConnected) focused.focus({ preventScroll: true });
    if (places) this.moveFrom(places);
    this.list.hidden = entries.length === 0;
    this.more.hidden = leaderboard.entries.length <= MOST_ROWS;
    this.more.textContent = `The first ${MOST_ROWS} of ${count(leaderboard.entries.length)}; the API has them all.`;
  }

  clear() {
    this.key = null;
    this.rows.clear();
    this.list.replaceChildren();
    this.list.hidden = true;
    this.more.hidden = true;
  }

  /** Ages grow by themselves. */
  tick(now) {
    for (const row of this.rows.values()) row.tick(now);
  }

  places() {
    return new Map(Array.from(this.rows, ([id, row]) => [id, row.element.getBoundingClientRect().top]));
  }

  arrange(entries, metric, smooth, now) {
    const gone = new Set(this.rows.keys());
    const most = entries[0]?.value ?? 0;
    const known = entries.some((entry) => entry.change !== null); // a young leaderboard has no earlier places
    let next = this.list.firstElementChild;
    for (const entry of entries) {
      const row = this.rows.get(entry.post_id) ?? new Row();
      this.rows.set(entry.post_id, row);
      gone.delete(entry.post_id);
      row.show(entry, metric, { most, known, smooth, now });
      if (row.element === next) next = next.nextElementSibling;
      else this.list.insertBefore(row.element, next);
    }
    for (const id of gone) {
      this.rows.get(id).element.remove();
      this.rows.delete(id);
    }
  }

  moveFrom(places) {
    const moves = [];
    for (const { element } of this.rows.values()) for (const move of element.getAnimations()) move.cancel();
    for (const [id, row] of this.rows) {
      const from = places.get(id);
      moves.push([row.element, from === undefined ? null : from - row.element.getBoundingClientRect().top]);
    }
    for (const [element, distance] of moves) {
      if (distance === null) element.animate([{ opacity: 0 }, { opacity: 1 }], SMOOTH);
      else if (distance !== 0) element.animate([{ transform: `translateY(${distance}px)` }, { transform: "none" }], SMOOTH);
    }
  }
}

class Row {
  constructor() {
    this.element = template.content.firstElementChild.cloneNode(true);
    const part = (selector) => this.element.querySelector(selector);
    this.rank = part(".rank");
    this.move = part(".move");
    this.text = part(".text");
    this.author = part(".author");
    this.time = part("time");
    this.link = part(".open");
    this.value = part(".value");
    this.unit = part(".unit");
    this.shown = null;
  }

  show(entry, metric, { most, known, smooth, now }) {
    const rose = smooth && this.shown !== null && entry.value > this.shown.value;
    this.shown = entry;
    this.measuredAt = Date.parse(entry.measured_at);
    this.rank.textContent = count(entry.rank);
    this.showMovement(movement(entry.change, known));
    this.showPost(entry);
    this.showValue(entry.value, metric);
    this.element.style.setProperty("--part", most > 0 ? entry.value / most : 0);
    this.time.dateTime = entry.measured_at;
    this.time.title = fullTime(this.measuredAt);
    this.tick(now);
    if (rose) this.value.animate([{ color: "var(--accent)" }, {}], { duration: 1200 });
  }

  showMovement({ way, sign, words }) {
    this.move.dataset.way = way;
    this.move.title = words;
    this.move.firstElementChild.textContent = sign;
    this.move.lastElementChild.textContent = words;
  }

  showPost({ post_id: id, author, text, url }) {
    this.text.textContent = text ?? `Post ${id}`;
    this.text.classList.toggle("unknown", text === null);
    this.author.textContent = author === null ? "" : `@${author}`;
    this.link.href = url.startsWith("https://") ? url : "#";
    this.link.lastElementChild.textContent = `${author === null ? ` ${id}` : ` by ${author}`}, opens a new tab`;
  }

  showValue(value, metric) {
    this.value.textContent = shortValue(value, metric);
    this.value.title = `${exactValue(value, metric)} ${metricWords(metric)}`;
    this.unit.textContent = ` ${metricWords(metric)}`;
    if (isPerHour(metric)) {
      const per = document.createElement("span");
      per.className = "per";
      per.ariaHidden = "true";
      per.textContent = "/h";
      this.value.append(per);
    }
  }

  tick(now) {
    const age = ago(this.measuredAt, now);
    if (this.time.textContent !== age) this.time.textContent = age;
  }
}
