// SPDX-License-Identifier: Apache-2.0

/// Something that callers do often, in a loop that can be timed and counted.
///
/// One definition serves the suites of `swift package benchmark`, the interleaved timing and the instruction counts, so that
/// they all speak of the same thing.
package struct HotPath: Sendable {
    /// In the form `what-how`, unique: the key in the count check's baseline.
    package let name: String
    /// Does it so many times, without anything else in the loop.
    package let run: @Sendable (_ count: Int) async throws -> Void

    package init(_ name: String, run: @escaping @Sendable (_ count: Int) async throws -> Void) {
        self.name = name
        self.run = run
    }
}

/// The operation did not do what the path is about, so that its figures would mean something else.
package struct UnexpectedResult: Error, CustomStringConvertible {
    package let description: String

    init(_ description: String) {
        self.description = description
    }
}

/// Uses a value in the eyes of the optimizer: outside of the loops, because it costs a call.
@inline(never)
func consume(_ value: Int) {
    withExtendedLifetime(value) {}
}

extension HotPath {
    /// All of them, in the order of the tables.
    package static func all() throws -> [HotPath] {
        try resilience() + measurement() + loadGenerator() + platform()
    }

    /// Those of the resilience library.
    package static func resilience() throws -> [HotPath] {
        try breaker() + policies() + pipelines()
    }
}
