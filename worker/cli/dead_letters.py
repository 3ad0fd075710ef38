"""``top-tweets dead-letters``: look at what could not be read, and send it back."""

from __future__ import annotations

import contextlib
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeAlias

import typer

from worker.cli.brokers import NoBrokerError, connect
from worker.cli.common import BAD_SETTINGS, ConfigOption, load_or_exit
from worker.settings import Settings, load
from worker.settings.agreement import topic_fault
from worker.settings.faults import shown
from worker.starting import terminated_as_interrupted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from worker.dead_letters.choice import Choice
    from worker.dead_letters.letter import Letter
    from worker.dead_letters.replay import Replay

_FAILED: Final = 1
_PARTLY: Final = 3
_INTERRUPTED: Final = 130
_COMPLAINTS: Final = 20
_AFTER_INTERRUPT: Final = 5.0
_CLOSE_MS: Final = 2000

app = typer.Typer(
    help="Look at the records that could not be read, and send them back. See docs/dead-letters.md.",
    no_args_is_help=True,
)

Reasons: TypeAlias = Annotated[
    list[str] | None, typer.Option("--reason", metavar="NAME", help="Of this reason; may be given again.")
]
Since: TypeAlias = Annotated[
    str | None, typer.Option(metavar="TIME", help="Not before: 2026-11-20T00:00Z, or how long ago: 2h.")
]
Until: TypeAlias = Annotated[str | None, typer.Option(metavar="TIME", help="Before: the same.")]
Offsets: TypeAlias = Annotated[
    list[str] | None, typer.Option("--offset", metavar="A[-B]", help="At these offsets of the topic.")
]
From: TypeAlias = Annotated[
    str | None,
    typer.Option("--source", metavar="TOPIC[:PARTITION[:OFFSET]]", help="That came from here."),
]
Limit: TypeAlias = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="At most so many, the oldest first.")
]
Open: TypeAlias = Annotated[bool, typer.Option("--open", help="That were not replayed yet.")]
AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="A JSON object a line.")]


@app.command("list")
def list_(  # noqa: PLR0917 -- a command has its options as arguments
    reason: Reasons = None,
    since: Since = None,
    until: Until = None,
    offset: Offsets = None,
    source: From = None,
    limit: Limit = None,
    open_only: Open = False,
    count: Annotated[bool, typer.Option("--count", help="How many there are of each reason.")] = False,
    json: AsJson = False,
    config: ConfigOption = None,
) -> None:
    """One line a letter: when, offset, whether it was replayed, reason, source, what is wrong, its value."""
    with _asked(config) as asked:
        choice = asked.choice(reason, since, until, offset, source)
        if count:
            _count(asked.marked(choice, limit, open_only=open_only), as_json=json)
        else:
            _list(asked.marked(choice, limit, open_only=open_only), as_json=json)


@app.command()
def show(  # noqa: PLR0917 -- a command has its options as arguments
    offsets: Annotated[
        list[str] | None, typer.Argument(metavar="OFFSET…", help="Offsets of the topic, or ranges: 17-42.")
    ] = None,
    reason: Reasons = None,
    since: Since = None,
    until: Until = None,
    offset: Offsets = None,
    source: From = None,
    limit: Limit = None,
    open_only: Open = False,
    json: AsJson = False,
    config: ConfigOption = None,
) -> None:
    """All of these letters, and what to do about them. Exit code 3 if none is there, or one is not."""
    from worker.dead_letters.choice import as_offsets, without
    from worker.dead_letters.shown import as_json, whole
    from worker.report.console import complain, tell

    with _asked(config) as asked:
        choice = asked.choice(reason, since, until, [*(offsets or ()), *(offset or ())], source)
        found, missing = 0, choice.offsets
        for letter, replayed in asked.marked(choice, limit, open_only=open_only):
            found, missing = found + 1, without(missing, letter)
            lines = (
                (as_json(letter, replayed=replayed, all_of_it=True),)
                if json
                else whole(letter, replayed=replayed)
            )
            for line in (*lines, *(() if json else ("",))):
                tell(line)
        # What a limit kept from being looked at may be there.
        if not found or (missing and found != limit):
            named = f"letter {as_offsets(missing)}" if missing else "such letter"
            complain(f"dead-letters: there is no {named}")
            raise typer.Exit(_PARTLY)


@app.command()
def replay(  # noqa: PLR0917 -- a command has its options as arguments
    reason: Reasons = None,
    since: Since = None,
    until: Until = None,
    offset: Offsets = None,
    source: From = None,
    limit: Limit = None,
    to: Annotated[
        str | None, typer.Option(metavar="TOPIC", help="To this topic, instead of where each came from.")
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Also those that were replayed before.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be sent; send nothing.")] = False,
    config: ConfigOption = None,
) -> None:
    """Send the records back as they were, each once. Exit code: 0; 3 if some could not be."""
    from worker.report.console import complain, tell

    with _asked(config) as asked:
        choice = asked.choice(reason, since, until, offset, source)
        if to is not None and (right := topic_fault(to, asked.settings.kafka.group)) is not None:
            complain(f"--to {shown(to)}: {right}")
            raise typer.Exit(BAD_SETTINGS)
        replaying = asked.replay(to=to, again=again, dry_run=dry_run)
        try:
            _offer(replaying, asked.letters(choice), limit)
            replaying.settle()
        except KeyboardInterrupt:
            with contextlib.suppress(*asked.errors):  # then it is sent again next time, and does no harm
                replaying.settle(_AFTER_INTERRUPT)
            complain(f"interrupted: {_account(replaying, dry_run=dry_run)}. The same command goes on.")
            raise typer.Exit(_INTERRUPTED) from None
        except asked.errors:
            with contextlib.suppress(*asked.errors):
                replaying.settle(_AFTER_INTERRUPT)
            complain(f"dead-letters: {_account(replaying, dry_run=dry_run)}. The same command goes on.")
            raise
        tell(_account(replaying, dry_run=dry_run))
        raise typer.Exit(_PARTLY if replaying.refused else 0)


def _offer(replaying: Replay, letters: Iterator[Letter], limit: int | None) -> None:
    """Offer letters until so many are on their way: those that are not sent do not count."""
    for _ in islice((letter for letter in letters if replaying.offer(letter)), limit):
        pass


def _account(replaying: Replay, *, dry_run: bool) -> str:
    topics = ", ".join(f"{count:,} to {topic}" for topic, count in sorted(replaying.sent.items()))
    total = replaying.sent.total()
    letters = f"{total:,} dead letter{'' if total == 1 else 's'}"
    done = f"{letters} {'would be replayed' if dry_run else 'replayed'}{f' ({topics})' if topics else ''}"
    return f"{done}; {replaying.already:,} replayed before, {replaying.refused:,} that cannot be"


def _list(marked: Iterator[tuple[Letter, bool]], *, as_json: bool) -> None:
    from worker.dead_letters import shown as letters_shown
    from worker.report.console import tell

    width = _width()
    if not as_json:
        tell(letters_shown.HEAD)
    for letter, replayed in marked:
        tell(
            letters_shown.as_json(letter, replayed=replayed, all_of_it=False)
            if as_json
            else letters_shown.line(letter, replayed=replayed, width=width)
        )


def _count(marked: Iterator[tuple[Letter, bool]], *, as_json: bool) -> None:
    from collections import Counter
    from json import dumps

    from worker.dead_letters.shown import plain
    from worker.report.console import tell

    counts, sent = Counter[str](), Counter[str]()
    for letter, replayed in marked:
        counts[letter.reason] += 1
        sent[letter.reason] += replayed
    for reason, number in counts.most_common():
        again = sent[reason]
        if as_json:
            tell(dumps({"reason": reason, "count": number, "replayed": again}))
        else:
            tell(f"{number:>10,}  {plain(reason)}{f' ({again:,} replayed)' if again else ''}")


def _width() -> int | None:
    """Columns of the terminal; ``None`` where the output is none."""
    import shutil
    import sys

    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


class _Asked:
    """A call of one of the commands: its settings, and clients made as they are needed."""

    def __init__(self, settings: Settings, stack: contextlib.ExitStack) -> None:
        from kafka.errors import KafkaError

        from worker.intake.topics import TopicNames
        from worker.topic_reading import TopicError

        self.settings = settings
        self.errors = (KafkaError, TopicError, NoBrokerError)
        self._stack = stack
        self._names = TopicNames(settings.kafka.group)

    def choice(
        self,
        reasons: list[str] | None,
        since: str | None,
        until: str | None,
        offsets: list[str] | None,
        source: str | None,
    ) -> Choice:
        """The filters; exit code 2 when one is wrong."""
        from worker.clock import SystemClock
        from worker.dead_letters.choice import Choice
        from worker.report.console import complain

        try:
            return Choice.parse(
                reasons=reasons or [],
                since=since,
                until=until,
                offsets=offsets or [],
                source=source,
                now=SystemClock().now(),
            )
        except ValueError as error:
            complain(f"dead-letters: {error}")
            raise typer.Exit(BAD_SETTINGS) from None

    def marked(self, choice: Choice, limit: int | None, *, open_only: bool) -> Iterator[tuple[Letter, bool]]:
        """The letters of this choice, the oldest first, each with whether it was replayed."""
        from worker.dead_letters.replayed import Replayed

        consumer = self._consumer()
        replayed = Replayed(self._names.replayed, self.settings.kafka.request_timeout)
        replayed.load(consumer)
        found = ((letter, replayed.has(letter)) for letter in self._letters(consumer, choice))
        return islice((one for one in found if not (open_only and one[1])), limit)

    def letters(self, choice: Choice) -> Iterator[Letter]:
        """The letters of this choice, the oldest first."""
        return self._letters(self._consumer(), choice)

    def _letters(self, consumer: Any, choice: Choice) -> Iterator[Letter]:  # noqa: ANN401 -- kafka-python is untyped
        from worker.dead_letters.letter import read_letter
        from worker.topic_reading import TopicError, partitions_of, read

        topic = self._names.dead_letters
        if not partitions_of(consumer, topic):
            raise TopicError(
                f"there is no topic {topic} on these brokers: check kafka.group; no worker of it ran here"
            )
        within = self.settings.kafka.request_timeout
        records = read(consumer, topic, within, first=choice.first, last=choice.last)
        return filter(choice.covers, map(read_letter, records))

    def replay(self, *, to: str | None, again: bool, dry_run: bool) -> Replay:
        """What sends letters; it knows what was sent before."""
        from worker.connections import close_producer
        from worker.dead_letters.replay import Replay
        from worker.dead_letters.replayed import Replayed, ensure_topic

        kafka, group = self.settings.kafka, self.settings.kafka.group
        replayed = Replayed(self._names.replayed, kafka.request_timeout)
        # A client of its own, as another one reads the letters meanwhile.
        consumer, producer = self._consumer(), None
        replayed.load(consumer)
        if not dry_run:
            admin = self._client("admin", lambda client: client.close())
            ensure_topic(admin, self._names.replayed, kafka.replication_factor)
            producer = self._client("producer", lambda client: close_producer(client, _AFTER_INTERRUPT))
            replayed.forget_gone(consumer, producer, self._names.dead_letters)
        return Replay(
            consumer,
            producer,
            replayed,
            forbidden=lambda topic: topic_fault(topic, group),
            complain=_Complaining(),
            within=kafka.request_timeout,
            to=to,
            again=again,
        )

    def _consumer(self) -> Any:  # noqa: ANN401 -- kafka-python is untyped
        return self._client("reader", lambda client: client.close(autocommit=False, timeout_ms=_CLOSE_MS))

    def _client(self, kind: str, close: Callable[[Any], object]) -> Any:  # noqa: ANN401 -- kafka-python is untyped
        from kafka.errors import KafkaError

        from worker.report.console import complain

        client = connect(self.settings.kafka, lambda connections: getattr(connections, kind)(), complain)

        def closed() -> None:
            with contextlib.suppress(KafkaError, RuntimeError):
                close(client)

        self._stack.callback(closed)
        return client


class _Complaining:
    """Tells the first complaints on standard error."""

    def __init__(self) -> None:
        self._told = 0

    def __call__(self, text: str) -> None:
        from worker.dead_letters.shown import plain
        from worker.report.console import complain

        self._told += 1
        if self._told <= _COMPLAINTS:
            complain(plain(text))
        elif self._told == _COMPLAINTS + 1:
            complain("(further letters that cannot be replayed are only counted)")


@contextlib.contextmanager
def _asked(config: Any) -> Iterator[_Asked]:  # noqa: ANN401 -- a path or none
    """The commands' common ground: settings, clients that are closed, errors as sentences, Ctrl-C."""
    from worker.logs import LastKafkaError
    from worker.report.console import complain
    from worker.topic_reading import TopicError

    # What kafka-python says by itself is many lines; the last error that it knows is told with ours.
    with terminated_as_interrupted(), LastKafkaError() as last, contextlib.ExitStack() as stack:
        # The API is not asked for anything here, and no input topic is read.
        unneeded = ("kafka.topic", "engagement.bearer_token")
        asked = _Asked(load_or_exit(config, lambda path: load(path, unneeded=unneeded)), stack)
        try:
            yield asked
        except asked.errors as error:
            cause = f" ({last.error})" if isinstance(error, TopicError) and last.error else ""
            complain(f"dead-letters: {error}{cause}")
            raise typer.Exit(_FAILED) from None
