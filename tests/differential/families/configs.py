"""Configs: set, append, subtract and delete of right and wrong values; what DescribeConfigs says of them after."""

from family import Family

TOPICS = ["@a", "@b", "@c"]
GROUPS = ["@g1", "@g2"]
TOPIC, BROKER, LOGGER, METRICS, GROUP = 2, 4, 8, 16, 32
LONGEST = 1000  # Kafka stumbles over an error message that quotes a value of 2^15 - 1
SET, DELETE, APPEND, SUBTRACT = 0, 1, 2, 3
VALUES = {
    TOPIC: [("retention.ms", ("1000", "-1", "-2", "x", "", " 5 ", None)),
            ("cleanup.policy", ("compact", "delete", "compact,delete", "no", "", None)),
            ("max.message.bytes", ("1000", "-1")), ("min.insync.replicas", ("1", "0")), ("compression.type", ("zstd", "best")),
            ("message.timestamp.type", ("LogAppendTime", "now")), ("segment.bytes", ("2000000", "10")), ("no.such", ("1",)),
            ("leader.replication.throttled.replicas", ("*", "0:1", "0:1,1:1", "x")), ("unclean.leader.election.enable", ("true", "yes")),
            ("segment.ms", ("x" * 40000,)), ("flush.ms", ("5", "5.5", "0x5", "9223372036854775808"))],
    BROKER: [("log.cleaner.threads", ("2", "x")), ("log.retention.ms", ("60000", "-5")), ("node.id", ("2",)), ("no.such", ("1",)),
             ("log.cleaner.backoff.ms", ("500",))],
    LOGGER: [("root", ("INFO", "x"))],
    METRICS: [("interval.ms", ("100", "x")), ("metrics", ("a,b", "*")), ("match", ("client_id=a", "x=y")), ("no.such", ("1",))],
    GROUP: [("consumer.session.timeout.ms", ("50000", "1")), ("consumer.heartbeat.interval.ms", ("5000", "x")), ("no.such", ("1",))],
}


class ConfigsFamily(Family):
    NEEDS = ("IncrementalAlterConfigs", "AlterConfigs")
    WEIGHTS = {"incremental": 8, "replace": 4, "describe": 5, "list": 1}

    def prepare(self):
        return [self.create_topics(*TOPICS), self.create_topics("@d", configs={"retention.ms": "5000"})]

    def resource(self) -> dict:
        dice = self.dice
        kind = dice.choice((TOPIC, TOPIC, TOPIC, TOPIC, METRICS, GROUP)) if dice.maybe(0.95) else dice.choice((LOGGER, 0, 1, 127, -1))
        names = {TOPIC: [*TOPICS, *TOPICS, "@gone", ""], METRICS: ["@m", ""], GROUP: [*GROUPS, ""]}
        return {"resource_type": kind, "resource_name": dice.choice(names.get(kind, ["1", "2", ""]))}

    def entry(self, kind: int) -> dict:
        name, values = self.dice.choice(VALUES.get(kind, VALUES[TOPIC]))
        return {"name": name, "value": self.dice.choice(values)}

    def resources(self, entries) -> list:
        found = [self.resource() for _ in range(self.dice.choice((1, 1, 1, 2, 0)))]
        found = list({(each["resource_type"], each["resource_name"]): each for each in found}.values())
        return [each | {"configs": entries(each["resource_type"])} for each in found]

    def incremental(self):
        dice = self.dice

        def entries(kind):
            return [self.entry(kind) | {"config_operation": dice.choice((SET, SET, SET, DELETE, APPEND, SUBTRACT, 4, -1))}
                    for _ in range(dice.choice((0, 1, 1, 1, 2)))]
        resources = self.resources(entries)
        strange = [resource | {"configs": [config]} for resource in resources for config in resource["configs"]
                   if config["config_operation"] not in (SET, DELETE, APPEND, SUBTRACT)]
        return self.change("IncrementalAlterConfigs", strange[:1] or resources)  # see README: beside others, it depends on a hash

    def replace(self):
        dice = self.dice

        def entries(kind):
            return [self.entry(kind) for _ in range(dice.choice((0, 1, 1, 2)))]
        return self.change("AlterConfigs", self.resources(entries))

    def change(self, api: str, resources: list):
        """The oldest versions have no strings as long as the longest value, nor as long as what is said of it."""
        step = self.step(api, {"resources": resources, "validate_only": self.dice.maybe(0.2)})
        if step.version < self.apis[api].request.flexible:
            for config in (config for resource in resources for config in resource["configs"]):
                config["value"] = config["value"] and config["value"][:LONGEST]
        return step

    def describe(self):
        resources = [self.resource() | {"configuration_keys": self.dice.choice((None, None, ["retention.ms", "cleanup.policy"]))}
                     for _ in range(self.dice.choice((1, 2)))]
        return self.step("DescribeConfigs", {"resources": resources, "include_synonyms": self.dice.maybe(0.5)})

    def list(self):
        return self.step("ListConfigResources", {"resource_types": self.dice.choice(([], [TOPIC], [METRICS, GROUP], [0], [BROKER]))})


FAMILY = ConfigsFamily
