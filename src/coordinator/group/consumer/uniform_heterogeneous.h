// The uniform assignor where members subscribe to different topics.
#pragma once

#include "coordinator/group/consumer/assignor.h"

namespace gregor::coordinator {

MemberAssignments assign_uniform_heterogeneous(const AssignorInput& input);

}  // namespace gregor::coordinator
