// Numbers, times and names as people read them.

const whole = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 });
const exact = new Intl.NumberFormat(undefined, { maximumFractionDigits: 3 });
const tenths = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });
const percent = new Intl.NumberFormat(undefined, { style: "percent", maximumSignificantDigits: 3 });
const tenthPercent = new Intl.NumberFormat(undefined, { style: "percent", maximumFractionDigits: 1 });
const exactPercent = new Intl.NumberFormat(undefined, { style: "percent", maximumFractionDigits: 4 });
const hundredths = new Intl.NumberFormat(undefined, { style: "percent", maximumFractionDigits: 2 });
const compact = new Intl.NumberFormat(undefined, { notation: "compact", maximumFractionDigits: 2 });
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
const moment = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

const PER_HOUR = "_per_hour";
const LAST_28H = "_28h";
const RATE = "engagement_rate";
const COMPACT_FROM = 1_000_000;

const SPECIAL = { quote_tweets: "Quote Tweets" };

/** What names a leaderboard. */
export const keyOf = ({ campaign, metric }) => JSON.stringify([campaign, metric]);

export const isPerHour = (metric) => metric.endsWith(PER_HOUR);

export const isRate = (metric) => metric.startsWith(RATE);

/** "Retweets per hour" */
export function metricName(metric) {
  const base = metric.replace(PER_HOUR, "").replace(LAST_28H, "");
  const words = base.replaceAll("_", " ");
  const name = SPECIAL[base] ?? words.charAt(0).toUpperCase() + words.slice(1);
  if (metric.endsWith(LAST_28H)) return `${name} in the last 28 hours`;
  return isPerHour(metric) ? `${name} per hour` : name;
}

/** The metric within a sentence: "retweets per hour" */
export function metricWords(metric) {
  const name = metricName(metric);
  return name.startsWith(SPECIAL.quote_tweets) ? name : name.charAt(0).toLowerCase() + name.slice(1);
}

export const campaignName = (campaign) => (campaign === "all" ? "All Posts" : campaign);

/** "Most retweets in Spring launch" */
export function boardTitle({ campaign, metric }) {
  const most = isRate(metric) ? "Highest" : "Most";
  const where = campaign === "all" ? "of all Posts" : `in ${campaign}`;
  return `${most} ${metricWords(metric)} ${where}`;
}

export const count = (number) => whole.format(number);

/** Short enough to compare at a glance; `exactValue` has the rest. */
export function shortValue(value, metric) {
  if (isRate(metric)) return percent.format(value);
  if (value >= COMPACT_FROM) return compact.format(value);
  if (Number.isInteger(value) || value >= 100) return whole.format(value);
  return value >= 1 ? tenths.format(value) : exact.format(value);
}

export const exactValue = (value, metric) => (isRate(metric) ? exactPercent : exact).format(value);

/** A share as people read it: "99.6%" */
export const shareOf = (share) => hundredths.format(share);

export const clockTime = (at) => clock.format(at);

export const fullTime = (at) => moment.format(at);

/** "12 s ago" */
export function ago(at, now) {
  const seconds = Math.max(0, Math.floor((now - at) / 1000));
  if (seconds < 1) return "just now";
  if (seconds < 90) return `${seconds} s ago`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 90) return `${minutes} min ago`;
  const hours = Math.round(minutes / 60);
  return hours < 48 ? `${hours} h ago` : `${Math.round(hours / 24)} days ago`;
}

/** How the place changed: a sign to see, and words to hear. `known`: whether any earlier places are. */
export function movement(change, known) {
  if (!known) return { way: "same", sign: "–", words: "earlier place not known yet" };
  if (change === null) return { way: "new", sign: "new", words: "new on this leaderboard" };
  if (change === 0) return { way: "same", sign: "=", words: "no change" };
  const places = Math.abs(change) === 1 ? "1 place" : `${count(Math.abs(change))} places`;
  return change > 0
    ? { way: "up", sign: `▲ ${count(change)}`, words: `up ${places}` }
    : { way: "down", sign: `▼ ${count(-change)}`, words: `down ${places}` };
}

/** How right boards are, in words; null: nobody knows. */
export function auditWords(boards, audit) {
  if (!audit) return `${boards}: not enough data to say how right they are`;
  const [recall, low, high] = [audit.recall, audit.low, audit.high].map((share) => tenthPercent.format(share));
  return `${boards} show about ${recall} of the right Posts (${low} to ${high})`;
}
