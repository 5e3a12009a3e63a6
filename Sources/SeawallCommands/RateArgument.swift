// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import Foundation
internal import Scenarios

/// A rate on the command line: `300/s`, `18000/m` as in scripts, or a bare number of events a second.
struct RateArgument: ExpressibleByArgument {
    var perSecond: Double

    init?(argument: String) {
        let text = argument.contains("/") ? argument : argument + "/s"
        guard let rate = try? RateText.parse(text), rate > 0 else { return nil }
        perSecond = rate
    }
}

/// A share on the command line: `5%` or `0.05`.
struct ShareArgument: ExpressibleByArgument {
    var value: Double

    init(_ value: Double) { self.value = value }

    init?(argument: String) {
        let isPercent = argument.hasSuffix("%")
        guard let number = Double(isPercent ? String(argument.dropLast()) : argument), number.isFinite else {
            return nil
        }
        value = isPercent ? number / 100 : number
    }

    var defaultValueDescription: String { String(format: "%g%%", value * 100) }
}
