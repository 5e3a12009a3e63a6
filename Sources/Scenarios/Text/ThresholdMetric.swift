// SPDX-License-Identifier: Apache-2.0

internal import Resilience

/// Reads `METRIC COMPARISON VALUE` of a threshold; what kind of value it takes depends on the metric.
struct ThresholdMetric {
    static let names = [
        "p(99)", "med", "mean", "min", "max", "success", "errors", "dropped", "checks", "requests", "rate", "goodput",
    ]

    private let word: ThresholdTokens.Token
    private let metric: Scenario.Threshold.Metric
    private let comparison: Scenario.Threshold.Comparison
    private let value: ThresholdTokens.Token

    /// Whether a metric begins here. `recovers` counts too.
    ///
    /// - Throws: For what looks like a percentile and is none.
    static func begins(with token: ThresholdTokens.Token) throws(ThresholdText.Malformed) -> Bool {
        if token.isQuoted { return false }
        if token.text == "recovers" || token.text == "rate" || token.text == "goodput" { return true }
        if kind(token.text) != nil || token.text.hasPrefix(checkOpening) { return true }
        return try statistic(token) != nil
    }

    init(_ word: ThresholdTokens.Token, _ tokens: inout ThresholdTokens) throws(ThresholdText.Malformed) {
        self.word = word
        if word.text == "rate" {
            metric = .rate
        } else if word.text == "goodput" {
            metric = .goodput
        } else if word.text.hasPrefix(Self.checkOpening) {
            metric = .check(try Self.checkName(word, &tokens))
        } else if let kind = Self.kind(word.text) {
            metric = try Self.counted(kind, word, &tokens)
        } else if let statistic = try Self.statistic(word) {
            metric = .time(statistic, of: try Self.times(&tokens))
        } else {
            throw word.fault(
                "\(word.text.quoted) is not a metric\(NearestName.advice(for: word.text, among: Self.names))")
        }
        guard let sign = tokens.next() else { throw tokens.ends(where: "a comparison like '<'") }
        guard let comparison = Scenario.Threshold.Comparison(rawValue: sign.text) else {
            let allowed = Scenario.Threshold.Comparison.allCases.map(\.rawValue).joined(separator: ", ")
            throw sign.fault("\(sign.text.quoted) is not a comparison (allowed: \(allowed))")
        }
        self.comparison = comparison
        guard let value = tokens.next() else { throw tokens.ends(where: "a value") }
        self.value = value
    }

    func read(into threshold: inout Scenario.Threshold) throws(ThresholdText.Malformed) {
        threshold.metric = metric
        threshold.comparison = comparison
        switch metric {
        case .time, .recovery: threshold.value = try value.duration() / .nanoseconds(1)
        case .check: threshold.value = try Self.share(value, advice: "")
        case .share(let kind):
            threshold.value = try Self.share(value, advice: "; for a number of requests write '\(kind.rawValue) count'")
        case .number:
            guard let number = Self.number(value) else {
                throw value.fault("\(value.text.quoted) is not a number of requests; write for example 10")
            }
            threshold.value = number
        case .rate, .goodput:
            do {
                threshold.value = try RateText.parse(value.text)
            } catch {
                throw value.fault("\(value.text.quoted) is not a rate: \(error)")
            }
        }
    }

    // MARK: - Words

    private static let checkOpening = "checks{"

    /// The name in `checks{created}`. A `rate` after it, k6's word for a share, changes nothing.
    private static func checkName(
        _ word: ThresholdTokens.Token, _ tokens: inout ThresholdTokens
    ) throws(ThresholdText.Malformed) -> String {
        let name = word.text.dropFirst(checkOpening.count).dropLast()
        guard word.text.hasSuffix("}"), !name.isEmpty else {
            throw word.fault("between braces stands the name of a check, as in checks{created}")
        }
        if tokens.first?.text == "rate" { _ = tokens.next() }
        return String(name)
    }

    /// - Parameter advice: What else is told where a number stands in place of a share.
    private static func share(
        _ value: ThresholdTokens.Token, advice: String
    ) throws(ThresholdText.Malformed) -> Double {
        if let share = ScriptReader.ratio(value.text) { return share }
        throw value.fault(
            "\(value.text.quoted) is not a share; write for example 99% or 0.99\(number(value) == nil ? "" : advice)")
    }

    private static func kind(_ text: String) -> Scenario.Threshold.Kind? {
        // The long names of the same things.
        switch text {
        case "success-rate": .success
        case "error-rate": .errors
        case "never-started": .dropped
        default: Scenario.Threshold.Kind(rawValue: text)
        }
    }

    /// `errors`, `errors rate` (k6's word for a share), `errors count`.
    private static func counted(
        _ kind: Scenario.Threshold.Kind, _ word: ThresholdTokens.Token, _ tokens: inout ThresholdTokens
    ) throws(ThresholdText.Malformed) -> Scenario.Threshold.Metric {
        switch tokens.first?.text {
        case "count":
            _ = tokens.next()
            return .number(kind)
        case "rate" where kind != .requests:
            _ = tokens.next()
            return .share(kind)
        default:
            guard kind != .requests else {
                throw word.fault("write 'requests count' for their number or 'rate' for requests a second")
            }
            return .share(kind)
        }
    }

    /// `of successes` and the like.
    private static func times(
        _ tokens: inout ThresholdTokens
    ) throws(ThresholdText.Malformed) -> Scenario.Threshold.Times {
        guard tokens.first?.text == "of" else { return .answers }
        _ = tokens.next()
        guard let token = tokens.next() else { throw tokens.ends(where: "which times are meant") }
        guard let times = Scenario.Threshold.Times(rawValue: token.text) else {
            let allowed = Scenario.Threshold.Times.allCases.map(\.rawValue)
            throw token.fault(
                "there are no times of \(token.text.quoted)\(NearestName.advice(for: token.text, among: allowed))")
        }
        return times
    }

    private static func statistic(
        _ token: ThresholdTokens.Token
    ) throws(ThresholdText.Malformed) -> Scenario.Threshold.Statistic? {
        switch token.text {
        case "mean", "avg": return .mean
        case "med", "median": return .percentile(50)
        case "min": return .min
        case "max": return .max
        default: break
        }
        var inside: Substring
        if token.text.hasPrefix("p("), token.text.hasSuffix(")") {
            inside = token.text.dropFirst(2).dropLast()
        } else if token.text.first == "p", token.text.dropFirst().first?.isNumber == true {
            inside = token.text.dropFirst()
        } else {
            return nil
        }
        inside = inside.drop { $0 == " " }
        let value: Double? =
            switch ScriptNode.meaning(String(inside), plain: true) {
            case .integer(let number): Double(number)
            case .number(let number): number
            default: nil
            }
        guard let value, value > 0, value < 100 else {
            throw token.fault(
                "\(token.text.quoted) is not a percentile; write for example p(99), between 0 and 100; the highest is 'max'"
            )
        }
        return .percentile(value)
    }

    /// A whole number of at most fifteen digits, which a `Double` holds exactly.
    private static func number(_ token: ThresholdTokens.Token) -> Double? {
        guard case .integer(let number) = ScriptNode.meaning(token.text, plain: true), number >= 0, number < 1 << 50
        else { return nil }
        return Double(number)
    }
}
