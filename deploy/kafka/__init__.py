"""Real Apache Kafka for the journeys, the fault tests and ``make kafka``."""

from deploy.kafka.node import Address, KafkaCluster, KafkaNode, single

__all__ = ["Address", "KafkaCluster", "KafkaNode", "single"]
