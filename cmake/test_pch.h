// Precompiled for tests: as std_pch.h, and GoogleTest.
#include "std_pch.h"
#include <gtest/gtest.h>
