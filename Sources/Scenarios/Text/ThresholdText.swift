// SPDX-License-Identifier: Apache-2.0

internal import FaultInjection
internal import Resilience

/// Reads thresholds: `p(99) < 400ms during fault`, `read errors < 1% over 10s`, `success > 99%`, `recovers within 5s`.
///
/// `[JOURNEY] [STEP] METRIC COMPARISON VALUE [over WINDOW] [during PART] [with VARIANT]`. The words are k6's where k6 has some:
/// `p(99)`, `med`, `avg`, `min`, `max`, `count`, `rate`. `scenarios/README.md` explains them all.
package enum ThresholdText {
    /// What a threshold may refer to.
    package struct Names {
        package var journeys: [String]
        /// Labels of request steps; nil when the journeys are faulty and it is unknown which there are.
        package var steps: [(journey: String, label: String)]?
        package var variants: [String]
        /// Names of the sources of load with the times in which they are measured; nil when they are faulty.
        package var loads: [(name: String, from: Duration, to: Duration)]?
    }

    /// Why a text is not a threshold.
    package struct Malformed: Error, Equatable {
        package var message: String
        /// Where, in Unicode scalars from the start of the text.
        package var offset: Int

        package init(message: String, offset: Int) {
            self.message = message
            self.offset = offset
        }
    }

    static let phases = ["baseline", "fault", "recovery"]

    /// Reads a threshold without an `abort`, which is no part of the text.
    package static func parse(_ text: String, names: Names) throws(Malformed) -> Scenario.Threshold {
        var tokens = ThresholdTokens(text)
        let (journey, step) = try scope(&tokens, names)
        var threshold = Scenario.Threshold(
            expression: text, journey: journey, step: step, metric: .rate, comparison: .less, value: 0)
        guard let word = tokens.next() else { throw tokens.ends(where: "a metric, for example p(99),") }
        if word.text == "recovers" {
            try recovery(&tokens, &threshold)
        } else {
            try ThresholdMetric(word, &tokens).read(into: &threshold)
        }
        while let word = tokens.next() { try clause(word, &tokens, names, &threshold) }
        return threshold
    }

    private static func recovery(
        _ tokens: inout ThresholdTokens, _ threshold: inout Scenario.Threshold
    ) throws(Malformed) {
        guard let within = tokens.next() else { throw tokens.ends(where: "'within'") }
        guard within.text == "within" else {
            throw within.fault("'recovers' is followed by 'within' and a duration, not by \(within.text.quoted)")
        }
        guard let value = tokens.next() else { throw tokens.ends(where: "a value") }
        threshold.metric = .recovery
        threshold.comparison = .lessOrEqual
        threshold.value = try value.duration() / .nanoseconds(1)
    }

    // MARK: - Scope

    /// A journey, a step, both or neither, before the metric.
    private static func scope(
        _ tokens: inout ThresholdTokens, _ names: Names
    ) throws(Malformed) -> (journey: String?, step: String?) {
        guard let first = tokens.first, try !ThresholdMetric.begins(with: first) else { return (nil, nil) }
        var journey: String?
        if names.journeys.contains(first.text) {
            journey = first.text
            _ = tokens.next()
            guard let second = tokens.first else { throw tokens.ends(where: "a metric, for example p(99),") }
            if try ThresholdMetric.begins(with: second) { return (journey, nil) }
        }
        if let label = takeLabel(&tokens, names, journey) { return (journey, label) }
        guard let token = tokens.first else { return (journey, nil) }
        throw unknown(token, tokens, names, journey)
    }

    /// The longest label of a step that stands here. Where the labels are unknown, whatever looks like one is taken for it.
    private static func takeLabel(_ tokens: inout ThresholdTokens, _ names: Names, _ journey: String?) -> String? {
        guard let steps = names.steps else { return tokens.takeRequestLine() }
        let labels = steps.filter { journey == nil || $0.journey == journey }.map(\.label)
        return labels.sorted { $0.unicodeScalars.count > $1.unicodeScalars.count }.first { tokens.take(words: $0) }
    }

    private static func unknown(
        _ token: ThresholdTokens.Token, _ tokens: ThresholdTokens, _ names: Names, _ journey: String?
    ) -> Malformed {
        var labels: [String] = []
        for step in names.steps ?? [] where journey == nil || step.journey == journey {
            if !labels.contains(step.label) { labels.append(step.label) }
        }
        var rest = tokens
        if let label = rest.takeRequestLine() {
            let place = journey.map { " in the journey \($0.quoted)" } ?? ""
            return token.fault(
                "there is no step \(label.quoted)\(place)\(NearestName.advice(for: label, among: labels, "known"))")
        }
        if journey != nil {
            return token.fault(
                "\(token.text.quoted) is not a metric\(NearestName.advice(for: token.text, among: ThresholdMetric.names))"
            )
        }
        // What follows tells which of both was mistyped.
        _ = rest.next()
        if let next = rest.first, (try? ThresholdMetric.begins(with: next)) == true {
            return token.fault(
                "there is no journey \(token.text.quoted)"
                    + NearestName.advice(for: token.text, among: names.journeys, "known"))
        }
        let allowed = ThresholdMetric.names + ["recovers"] + names.journeys
        return token.fault(
            "there is no metric or journey \(token.text.quoted)\(NearestName.advice(for: token.text, among: allowed))")
    }

    // MARK: - Clauses

    private static func clause(
        _ word: ThresholdTokens.Token, _ tokens: inout ThresholdTokens, _ names: Names,
        _ threshold: inout Scenario.Threshold
    ) throws(Malformed) {
        switch word.text {
        case "during" where threshold.part == nil:
            guard let token = tokens.next() else { throw tokens.ends(where: "a phase") }
            threshold.part = try part(token, names)
        case "over" where threshold.windowSeconds == nil && threshold.metric != .recovery:
            guard let token = tokens.next() else { throw tokens.ends(where: "the length of the window") }
            threshold.windowSeconds = try window(token)
        case "with" where threshold.variant == nil:
            guard let token = tokens.next() else { throw tokens.ends(where: "a variant") }
            guard names.variants.contains(token.text) else {
                throw token.fault(
                    "there is no variant \(token.text.quoted)"
                        + NearestName.advice(for: token.text, among: names.variants, "known"))
            }
            threshold.variant = token.text
        default:
            throw word.fault(
                "\(word.text.quoted) does not belong here; a threshold may end with 'over WINDOW', 'during PHASE' and "
                    + "'with VARIANT'")
        }
    }

    private static func part(
        _ token: ThresholdTokens.Token, _ names: Names
    ) throws(Malformed) -> Scenario.Threshold.Part {
        if phases.contains(token.text) { return .phase(token.text) }
        if let load = names.loads?.first(where: { $0.name == token.text }) {
            return .time(from: load.from, to: load.to)
        }
        let ends = token.text.split(separator: "..", omittingEmptySubsequences: false).map(String.init)
        if ends.count == 2 {
            let from = try ThresholdTokens.Token(text: ends[0], offset: token.offset).duration()
            let to = try ThresholdTokens.Token(
                text: ends[1], offset: token.offset + ends[0].unicodeScalars.count + 2
            ).duration()
            guard to - from >= .seconds(1) else {
                throw token.fault("\(token.text.quoted) is shorter than 1s, the resolution of a run's times")
            }
            return .time(from: from, to: to)
        }
        let known = phases + (names.loads ?? []).map(\.name)
        throw token.fault(
            "there is no phase \(token.text.quoted)\(NearestName.advice(for: token.text, among: known, "known")); "
                + "a stretch of time is written like 10s..20s")
    }

    private static func window(_ token: ThresholdTokens.Token) throws(Malformed) -> Int {
        let window = try token.duration()
        let seconds = window.components
        guard seconds.attoseconds == 0, seconds.seconds >= 1 else {
            throw token.fault("a window is a number of whole seconds, for example 10s, not \(token.text.quoted)")
        }
        return Int(clamping: seconds.seconds)
    }
}
