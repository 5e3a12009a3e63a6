// SPDX-License-Identifier: Apache-2.0

internal import FaultInjection
internal import Resilience

/// Reads thresholds: `read-timeline p(99) < 400ms during fault`, `success > 99%`, `recovers within 5s`.
///
/// `[JOURNEY] METRIC COMPARISON VALUE [during PHASE] [with VARIANT]` with the metrics `p(N)`, `mean`, `max` (durations), `success`, `errors`
/// (shares), the comparisons `<`, `<=`, `>`, `>=` and the phases `baseline`, `fault`, `recovery`; or `recovers within DURATION [with VARIANT]`.
enum ThresholdText {
    static let phases = ["baseline", "fault", "recovery"]
    private static let metrics = ["p(99)", "success", "errors", "mean", "max"]

    /// Why a text is not a threshold.
    struct Malformed: Error, Equatable {
        var message: String
        /// Where, in Unicode scalars from the start of the text.
        var offset: Int
    }

    private struct Token {
        var text: String
        var offset: Int
    }

    static func parse(_ text: String, journeys: [String], variants: [String]) throws(Malformed) -> Scenario.Threshold {
        var tokens = tokens(of: text)[...]
        func next(_ expected: String) throws(Malformed) -> Token {
            guard let token = tokens.popFirst() else {
                throw Malformed(
                    message: "the threshold ends where \(expected) should stand", offset: text.unicodeScalars.count)
            }
            return token
        }

        var token = try next("a metric, for example p(99)")
        var threshold = Scenario.Threshold(
            expression: text, journey: nil, metric: .success, comparison: .less, value: 0, phase: nil)
        var metric = try Self.metric(token)
        let isRecovery = token.text == "recovers"
        if isRecovery {
            metric = .recovery
        } else if metric == nil {
            // Not a metric, so it should be a journey; what follows tells which of both was mistyped.
            let followedByMetric = try tokens.first.flatMap { token throws(Malformed) in try Self.metric(token) } != nil
            guard journeys.contains(token.text) else {
                let advice =
                    followedByMetric
                    ? NearestName.advice(for: token.text, among: journeys, "known")
                    : NearestName.advice(for: token.text, among: metrics + ["recovers"] + journeys)
                throw Malformed(
                    message:
                        "there is no \(followedByMetric ? "journey" : "metric or journey") \(token.text.quoted)\(advice)",
                    offset: token.offset)
            }
            threshold.journey = token.text
            token = try next("a metric, for example p(99),")
            guard let found = try Self.metric(token) else {
                throw Malformed(
                    message:
                        "\(token.text.quoted) is not a metric\(NearestName.advice(for: token.text, among: metrics))",
                    offset: token.offset)
            }
            metric = found
        }
        guard let metric else { throw Malformed(message: "a metric is missing", offset: token.offset) }
        threshold.metric = metric

        let comparison = try next(isRecovery ? "'within'" : "a comparison like '<'")
        if isRecovery {
            guard comparison.text == "within" else {
                throw Malformed(
                    message: "'recovers' is followed by 'within' and a duration, not by \(comparison.text.quoted)",
                    offset: comparison.offset)
            }
            threshold.comparison = .lessOrEqual
        } else if let found = Scenario.Threshold.Comparison(rawValue: comparison.text) {
            threshold.comparison = found
        } else {
            throw Malformed(
                message: "\(comparison.text.quoted) is not a comparison (allowed: <, <=, >, >=)",
                offset: comparison.offset)
        }
        threshold.value = try value(try next("a value"), of: metric)

        while let word = tokens.popFirst() {
            switch word.text {
            case "during" where threshold.phase == nil:
                threshold.phase = try name(try next("a phase"), "phase", among: phases)
            case "with" where threshold.variant == nil:
                threshold.variant = try name(try next("a variant"), "variant", among: variants)
            default:
                throw Malformed(
                    message:
                        "\(word.text.quoted) does not belong here; a threshold may end with 'during PHASE' and 'with VARIANT'",
                    offset: word.offset)
            }
        }
        return threshold
    }

    private static func name(_ token: Token, _ what: String, among names: [String]) throws(Malformed) -> String {
        if names.contains(token.text) { return token.text }
        throw Malformed(
            message:
                "there is no \(what) \(token.text.quoted)\(NearestName.advice(for: token.text, among: names, "known"))",
            offset: token.offset)
    }

    private static func metric(_ token: Token) throws(Malformed) -> Scenario.Threshold.Metric? {
        switch token.text {
        case "success": return .success
        case "errors": return .errors
        case "mean": return .mean
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
            throw Malformed(
                message:
                    "\(token.text.quoted) is not a percentile; write for example p(99), between 0 and 100; the highest is 'max'",
                offset: token.offset)
        }
        return .percentile(value)
    }

    private static func value(_ token: Token, of metric: Scenario.Threshold.Metric) throws(Malformed) -> Double {
        switch metric {
        case .success, .errors:
            guard let ratio = ScriptReader.ratio(token.text) else {
                throw Malformed(
                    message: "\(token.text.quoted) is not a share; write for example 99% or 0.99", offset: token.offset)
            }
            return ratio
        case .percentile, .mean, .max, .recovery:
            return try duration(token)
        }
    }

    private static func duration(_ token: Token) throws(Malformed) -> Double {
        do {
            return try DurationText.parse(token.text) / .nanoseconds(1)
        } catch {
            throw Malformed(message: "\(token.text.quoted) is not a duration: \(error)", offset: token.offset)
        }
    }

    /// Words and comparisons; spaces between `p(99)<400ms` may be left out.
    private static func tokens(of text: String) -> [Token] {
        var tokens: [Token] = []
        var current = ""
        var start = 0
        var kind = -1
        for (offset, scalar) in text.unicodeScalars.enumerated() {
            let next =
                scalar == " " || scalar == "\t" || scalar == "\n" ? 0 : "<>=!".unicodeScalars.contains(scalar) ? 1 : 2
            if next != kind {
                if kind > 0 { tokens.append(Token(text: current, offset: start)) }
                current = ""
                start = offset
                kind = next
            }
            current.unicodeScalars.append(scalar)
        }
        if kind > 0 { tokens.append(Token(text: current, offset: start)) }
        return tokens
    }
}
