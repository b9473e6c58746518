// A SCRAM credential as the format tool takes it:
//
//   argument  := mechanism "=[" component ("," component)* "]"      mechanism: SCRAM-SHA-256, SCRAM-SHA-512
//   component := key "=" value, a pair of quotes around the value falling away
//   keys      := name, password | saltedpassword with salt, and salt and iterations as one likes
#pragma once

#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
#include "io/ports.h"

namespace gregor::node {

// The UserScramCredentialRecord. A salt that is not given is drawn. Errors are the peer's sentences.
Result<Slice> parse_scram_argument(std::string_view argument, io::Random& random);

}  // namespace gregor::node
