// How a shard tells the controller in which log directories its partitions live.
#pragma once

#include <vector>

#include "base/completion.h"
#include "metadata/controller_channel.h"
#include "metadata/image_source.h"
#include "replication/tasks.h"

namespace gregor::node {

class DirectoryAssigner {
public:
    DirectoryAssigner(metadata::ControllerChannel& channel, const metadata::ImageSource& images,
                      BrokerId broker)
        : channel_(channel), images_(images), broker_(broker) {}

    // Done when all of it is committed; one refusal fails it.
    void assign(const std::vector<replication::DirectoryAssignment>& assignments, Completion<Status> done);

private:
    metadata::ControllerChannel& channel_;
    const metadata::ImageSource& images_;
    const BrokerId broker_;
};

}  // namespace gregor::node
