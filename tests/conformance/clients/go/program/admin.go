package program

import (
	"fmt"
	"slices"
	"strings"
)

// administer runs the verbs of the admin client.
func (p *program) administer(verb, bootstrap string, given *arguments) error {
	call, err := p.adminCall(verb, given)
	if err == nil {
		err = given.done()
	}
	if err != nil {
		return err
	}
	admin, err := p.client.Admin(bootstrap)
	if err != nil {
		return err
	}
	return call(admin)
}

// adminCall takes a verb's arguments; what it returns does the work.
func (p *program) adminCall(verb string, given *arguments) (func(Admin) error, error) {
	switch verb {
	case "create":
		topic, partitions, configs := given.required("topic"), given.partitions(), given.configs()
		return func(admin Admin) error { return admin.Create(topic, partitions, configs) }, nil
	case "grow":
		topic, partitions := given.required("topic"), given.partitions()
		return func(admin Admin) error { return admin.Grow(topic, partitions) }, nil
	case "delete":
		topic := given.required("topic")
		return func(admin Admin) error { return admin.Delete(topic) }, nil
	case "delete_group":
		group := given.required("group")
		return func(admin Admin) error { return admin.DeleteGroup(group) }, nil
	case "describe":
		topic := given.required("topic")
		return func(admin Admin) error { return p.describe(admin, topic) }, nil
	case "config":
		topic, name := given.required("topic"), given.required("name")
		return func(admin Admin) error { return p.config(admin, topic, name) }, nil
	case "offsets":
		topic, partition := given.required("topic"), given.partition()
		return func(admin Admin) error { return p.offsets(admin, topic, partition) }, nil
	case "groups":
		return p.groups, nil
	}
	return nil, fmt.Errorf("no verb %q; usage: %s", verb, usage)
}

func (p *program) describe(admin Admin, topic string) error {
	partitions, err := admin.Describe(topic)
	slices.SortFunc(partitions, func(a, b Partition) int { return int(a.ID - b.ID) })
	for _, row := range partitions {
		p.printer.line("partition %d leader %d replicas %s isr %s", row.ID, row.Leader, list(row.Replicas), list(row.ISR))
	}
	return err
}

func (p *program) config(admin Admin, topic, name string) error {
	value, err := admin.Config(topic, name)
	if err == nil {
		p.printer.line("config %s", value)
	}
	return err
}

func (p *program) offsets(admin Admin, topic string, partition int32) error {
	earliest, latest, err := admin.Offsets(topic, partition)
	if err == nil {
		p.printer.line("offsets %d %d", earliest, latest)
	}
	return err
}

func (p *program) groups(admin Admin) error {
	groups, err := admin.Groups()
	for _, group := range groups {
		p.printer.line("group %s", group)
	}
	return err
}

func list(numbers []int32) string {
	return strings.ReplaceAll(strings.Trim(fmt.Sprint(numbers), "[]"), " ", ",")
}
