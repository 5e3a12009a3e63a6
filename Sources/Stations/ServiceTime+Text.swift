// SPDX-License-Identifier: Apache-2.0

internal import FaultInjection

extension ServiceTime {
    /// Why a text is no service time: a phrase that says what to write instead.
    package struct Malformed: Error, Equatable, CustomStringConvertible {
        package var description: String
    }

    /// The words of ``init(text:)`` with an example each, for messages and documentation.
    package static let examples = [
        "fixed(5ms)", "uniform(2ms, 8ms)", "exp(5ms)", "hyperexp(5ms, 8)", "lognormal(5ms, 2)",
        "mix(99% 5ms, 1% exp(1s))", "table(tail-at-scale)", "table(0% 1ms, 50% 4ms, 99% 30ms, 100% 200ms)",
    ]

    /// Reads a service time; a bare duration is fixed.
    ///
    /// `hyperexp` and `lognormal` take a mean and a squared coefficient of variation; `table` a name or quantiles, the
    /// minimum (0 %) first.
    /// - Throws: `Malformed`, also for parameters that no distribution has.
    package init(text: String) throws(Malformed) {
        guard text.utf8.count <= 2_048 else { throw Malformed(description: "it is longer than 2048 bytes") }
        try self.init(text[...], depth: 0)
    }

    private init(_ text: Substring, depth: Int) throws(Malformed) {
        let text = text.trimmed
        guard text.hasSuffix(")"), let open = text.firstIndex(of: "(") else {
            guard text.first?.isNumber == true else {
                throw Malformed(
                    description:
                        "\(Self.quoted(text)) is no service time; write for example exp(5ms) (known: \(Self.words))")
            }
            self = .fixed(try Self.time(text))
            return
        }
        let word = text[..<open].trimmed
        let arguments = Self.arguments(text[text.index(after: open)...].dropLast())
        func expect(_ count: Int, _ example: String) throws(Malformed) {
            guard arguments.count == count else {
                throw Malformed(description: "\(Self.quoted(word)) is written like \(example)")
            }
        }
        switch word {
        case "fixed":
            try expect(1, "fixed(5ms)")
            self = .fixed(try Self.time(arguments[0]))
        case "uniform":
            try expect(2, "uniform(2ms, 8ms)")
            let (low, high) = (try Self.time(arguments[0]), try Self.time(arguments[1]))
            guard low <= high else { throw Malformed(description: "the bounds of 'uniform' stand in ascending order") }
            self = .uniform(low, high)
        case "exp":
            try expect(1, "exp(5ms)")
            self = .exponential(mean: try Self.mean(arguments[0]))
        case "hyperexp":
            try expect(2, "hyperexp(5ms, 8): the mean and C²")
            self = .hyperexponential(
                mean: try Self.mean(arguments[0]), squaredVariation: try Self.number(arguments[1], in: 1...10_000))
        case "lognormal":
            try expect(2, "lognormal(5ms, 2): the mean and C²")
            self = .lognormal(
                mean: try Self.mean(arguments[0]), squaredVariation: try Self.number(arguments[1], in: 0...10_000))
        case "mix": self = try Self.mix(arguments, depth: depth)
        case "table": self = .table(try Self.table(arguments))
        default:
            throw Malformed(description: "there is no service time \(Self.quoted(word)) (known: \(Self.words))")
        }
    }

    private static let words = "fixed, uniform, exp, hyperexp, lognormal, mix, table"

    private static func mix(_ arguments: [Substring], depth: Int) throws(Malformed) -> ServiceTime {
        guard depth < 3 else { throw Malformed(description: "a mix holds mixes at most three deep") }
        var components: [Component] = []
        for argument in arguments {
            let (share, rest) = try shared(argument, example: "mix(99% 5ms, 1% exp(1s))")
            components.append(Component(share: share, time: try ServiceTime(rest, depth: depth + 1)))
        }
        let sum = components.reduce(0) { $0 + $1.share }
        guard abs(sum - 1) < 1e-9 else {
            throw Malformed(
                description: "the shares of a mix add up to 100%, and these to \(number(sum * 100))%")
        }
        return .mix(components)
    }

    private static func table(_ arguments: [Substring]) throws(Malformed) -> QuantileTable {
        if arguments.count == 1, !arguments[0].contains("%") {
            if let table = QuantileTable.builtIn.first(where: { $0.name == String(arguments[0]) }) { return table }
            let names = QuantileTable.builtIn.compactMap(\.name).joined(separator: ", ")
            throw Malformed(description: "there is no table \(quoted(arguments[0])) (known: \(names))")
        }
        let example = "table(0% 1ms, 50% 4ms, 99% 30ms, 100% 200ms)"
        var points: [QuantileTable.Point] = []
        for argument in arguments {
            let (share, rest) = try shared(argument, example: example)
            points.append(.init(time: try mean(rest), survivor: 1 - share))
        }
        guard let table = QuantileTable(points: points) else {
            throw Malformed(
                description: "the quantiles of a table begin at 0%, and they and their times ascend, as \(example)")
        }
        return table
    }

    // MARK: - Parts

    /// The arguments between two brackets: cut at the commas that stand outside of further brackets.
    private static func arguments(_ text: Substring) -> [Substring] {
        var depth = 0
        let parts = text.split(omittingEmptySubsequences: false) { character in
            depth += character == "(" ? 1 : character == ")" ? -1 : 0
            return character == "," && depth == 0
        }
        return parts.map(\.trimmed)
    }

    /// `99% 5ms` as 0.99 and `5ms`.
    private static func shared(
        _ text: Substring, example: String
    ) throws(Malformed) -> (share: Double, rest: Substring) {
        guard let end = text.firstIndex(of: "%") else {
            throw Malformed(description: "\(quoted(text)) has no share; write for example \(example)")
        }
        let percent = try number(text[..<end], in: 0...100)
        return (percent / 100, text[text.index(after: end)...].trimmed)
    }

    private static func time(_ text: Substring) throws(Malformed) -> Double {
        do {
            return try DurationText.parse(String(text)) / .nanoseconds(1)
        } catch {
            throw Malformed(description: "\(quoted(text)) is not a duration: \(error)")
        }
    }

    private static func mean(_ text: Substring) throws(Malformed) -> Double {
        let time = try time(text)
        guard time > 0 else { throw Malformed(description: "\(quoted(text)) must be longer than 0") }
        return time
    }

    private static func number(_ text: Substring, in range: ClosedRange<Double>) throws(Malformed) -> Double {
        // Plain decimals only: what `Double` also reads ("inf", "0x1p3") is no number that people write here.
        let isPlain = !text.isEmpty && text.utf8.allSatisfy { (48...57).contains($0) || $0 == UInt8(ascii: ".") }
        guard isPlain, let value = Double(text), range.contains(value) else {
            let bounds = "\(number(range.lowerBound)) and \(number(range.upperBound))"
            throw Malformed(description: "\(quoted(text)) is not a number between \(bounds)")
        }
        return value
    }

    private static func quoted(_ text: Substring) -> String { "'\(text.prefix(80))'" }

    /// Without a needless `.0`, and without the noise of binary fractions.
    static func number(_ value: Double) -> String {
        let rounded = (value * 1e6).rounded() / 1e6
        return Int64(exactly: rounded).map { String($0) } ?? String(rounded)
    }
}

extension ServiceTime: CustomStringConvertible {
    /// The text that ``init(text:)`` reads back.
    package var description: String {
        func time(_ nanoseconds: Double) -> String { DurationText.format(.nanoseconds(Int64(nanoseconds.rounded()))) }
        switch self {
        case .fixed(let value): return "fixed(\(time(value)))"
        case .uniform(let low, let high): return "uniform(\(time(low)), \(time(high)))"
        case .exponential(let mean): return "exp(\(time(mean)))"
        case .hyperexponential(let mean, let variation): return "hyperexp(\(time(mean)), \(Self.number(variation)))"
        case .lognormal(let mean, let variation): return "lognormal(\(time(mean)), \(Self.number(variation)))"
        case .mix(let components):
            return "mix(\(components.map { "\(Self.number($0.share * 100))% \($0.time)" }.joined(separator: ", ")))"
        case .table(let table):
            let points = table.points.map { "\(Self.number((1 - $0.survivor) * 100))% \(time($0.time))" }
            return "table(\(table.name ?? points.joined(separator: ", ")))"
        }
    }
}

extension Substring {
    /// Without spaces at both ends.
    fileprivate var trimmed: Substring {
        var text = self[...].drop { $0 == " " }
        while text.last == " " { text.removeLast() }
        return text
    }
}
