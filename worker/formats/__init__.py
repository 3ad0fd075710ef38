"""Record and file shapes: what Post IDs look like on the way in, and Sightings on the way between workers.

 ``record`` reads a record of an input topic, ``files`` a file of ``top-tweets produce``, ``wire`` is the
format of the topic ``<group>.sightings``. Pure: no clock, no network, no Kafka. ``docs/formats.md`` shows
every shape.
"""
