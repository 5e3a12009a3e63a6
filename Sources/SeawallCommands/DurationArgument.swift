// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import FaultInjection

/// A duration on the command line, written as in scripts: `250ms`, `10s`, `1m30s`.
struct DurationArgument: ExpressibleByArgument {
    var value: Duration

    init(_ value: Duration) {
        self.value = value
    }

    init?(argument: String) {
        guard let value = try? DurationText.parse(argument), value > .zero else { return nil }
        self.value = value
    }

    var defaultValueDescription: String { DurationText.format(value) }
}
