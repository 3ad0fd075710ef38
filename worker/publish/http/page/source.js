// Where leaderboards come from: what there is, asked for now and then, and a stream of the one chosen.

const LIST_EVERY = 15_000;
const ANSWER_WITHIN = 10_000;
const RETRY_AFTER = 3_000;
const STALE_AFTER = 30_000;

export class Source {
  /** `on`: list(what there is), leaderboard(…), withdrawn(), connection(its state). */
  constructor(on) {
    this.on = on;
    this.wanted = null;
    this.stream = null;
    this.retry = null;
    this.state = "connecting";
    this.lostAt = Date.now();
    this.ahead = 0; // the server's clock less ours
    document.addEventListener("visibilitychange", () => this.awake());
    addEventListener("online", () => this.awake());
    setInterval(() => this.list(), LIST_EVERY);
    setInterval(() => this.judge(), 1_000);
  }

  /** The time by the server's clock, which is the one that measured. */
  now() {
    return Date.now() + this.ahead;
  }

  /** What leaderboards there are. Also shows, where the stream cannot, that the worker is gone. */
  async list() {
    if (document.hidden) return;
    try {
      const answer = await this.get("api/leaderboards");
      const date = Date.parse(answer.headers.get("date"));
      const ahead = date - Date.now();
      this.ahead = Math.abs(ahead) > 2_000 ? ahead : 0; // the header has whole seconds only
      this.on.list(await answer.json());
      if (this.stream === null && this.wanted) this.connect();
      else if (!this.wanted) this.is("live");
    } catch {
      this.disconnect();
      this.lost();
      this.later(() => this.list());
    }
  }

  /** Follow this leaderboard instead of the one before. */
  follow(campaign, metric) {
    if (this.wanted?.campaign === campaign && this.wanted?.metric === metric) return;
    this.wanted = { campaign, metric };
    this.connect();
  }

  connect() {
    this.disconnect();
    if (document.hidden) return;
    const stream = new EventSource(`api/stream?${new URLSearchParams(this.wanted)}`);
    this.stream = stream;
    stream.addEventListener("open", () => {
      this.is("live");
      this.list();
    });
    stream.addEventListener("leaderboard", (event) => this.on.leaderboard(JSON.parse(event.data)));
    stream.addEventListener("withdrawn", () => {
      this.on.withdrawn();
      this.list();
    });
    stream.addEventListener("error", () => {
      if (stream.readyState === EventSource.CLOSED) this.refused();
      else this.lost();
    });
  }

  disconnect() {
    this.stream?.close();
    this.stream = null;
    clearTimeout(this.retry);
  }

  /** The worker answered but gives no stream: show the board as it is, and try again. */
  async refused() {
    const { campaign, metric } = this.wanted;
    this.disconnect();
    this.later(() => this.list());
    try {
      const path = [campaign, metric].map(encodeURIComponent).join("/");
      const leaderboard = await (await this.get(`api/leaderboards/${path}`)).json();
      this.is("polled");
      this.on.leaderboard(leaderboard);
    } catch (error) {
      if (error.status === 404) this.is("polled"); // there is none, says a worker that is well
      else this.lost();
    }
  }

  /** A page that nobody looks at holds no connection: a browser has only a few for each host. */
  awake() {
    if (document.hidden) this.disconnect();
    else this.list();
  }

  async get(path) {
    const answer = await fetch(path, { signal: AbortSignal.timeout(ANSWER_WITHIN) });
    if (!answer.ok) throw Object.assign(new Error(`${path}: ${answer.status}`), { status: answer.status });
    return answer;
  }

  later(action) {
    clearTimeout(this.retry);
    this.retry = setTimeout(action, RETRY_AFTER * (0.5 + Math.random()));
  }

  lost() {
    if (this.state === "live" || this.state === "polled") this.lostAt = Date.now();
    if (this.state !== "stale") this.is("reconnecting");
  }

  judge() {
    if (this.state === "reconnecting" && Date.now() - this.lostAt > STALE_AFTER) this.is("stale");
  }

  is(state) {
    if (state === this.state) return;
    this.state = state;
    this.on.connection(state);
  }
}
