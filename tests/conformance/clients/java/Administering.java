import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.common.Node;
import org.apache.kafka.common.TopicPartitionInfo;
import org.apache.kafka.common.config.ConfigResource;

final class Administering {
    private Administering() {}

    static Admin admin(String address) {
        return Admin.create(Map.of("bootstrap.servers", address));
    }

    static void create(String address, Map<String, String> wanted) throws InterruptedException, ExecutionException {
        Map<String, String> configs = new HashMap<>();
        wanted.forEach((name, value) -> {
            if (name.startsWith("config.")) {
                configs.put(name.substring(7), value);
            }
        });
        int partitions = Integer.parseInt(wanted.get("partitions"));
        NewTopic topic = new NewTopic(wanted.get("topic"), Optional.of(partitions), Optional.of((short) 1));
        try (Admin admin = admin(address)) {
            admin.createTopics(List.of(topic.configs(configs))).all().get();
        }
    }

    static void grow(String address, Map<String, String> wanted) throws InterruptedException, ExecutionException {
        NewPartitions partitions = NewPartitions.increaseTo(Integer.parseInt(wanted.get("partitions")));
        try (Admin admin = admin(address)) {
            admin.createPartitions(Map.of(wanted.get("topic"), partitions)).all().get();
        }
    }

    static void describe(String address, Map<String, String> wanted) throws InterruptedException, ExecutionException {
        String topic = wanted.get("topic");
        try (Admin admin = admin(address)) {
            for (TopicPartitionInfo row : admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic)
                    .partitions()) {
                Lines.say("partition " + row.partition() + " leader " + row.leader().id() + " replicas "
                        + ids(row.replicas()) + " isr " + ids(row.isr()));
            }
        }
    }

    private static String ids(List<Node> nodes) {
        return nodes.stream().map(Node::idString).collect(Collectors.joining(","));
    }

    static void config(String address, Map<String, String> wanted) throws InterruptedException, ExecutionException {
        ConfigResource topic = new ConfigResource(ConfigResource.Type.TOPIC, wanted.get("topic"));
        try (Admin admin = admin(address)) {
            var configs = admin.describeConfigs(List.of(topic)).all().get().get(topic);
            Lines.say("config " + configs.get(wanted.get("name")).value());
        }
    }

    static void delete(String address, Map<String, String> wanted) throws InterruptedException, ExecutionException {
        try (Admin admin = admin(address)) {
            admin.deleteTopics(List.of(wanted.get("topic"))).all().get();
        }
    }

    static void groups(String address, Map<String, String> wanted) throws InterruptedException, ExecutionException {
        try (Admin admin = admin(address)) {
            admin.listGroups().all().get().forEach(group -> Lines.say("group " + group.groupId()));
        }
    }

    static void deleteGroup(String address, Map<String, String> wanted)
            throws InterruptedException, ExecutionException {
        try (Admin admin = admin(address)) {
            admin.deleteConsumerGroups(List.of(wanted.get("group"))).all().get();
        }
    }
}
