// SPDX-License-Identifier: Apache-2.0

extension Plan {
    /// Everything that makes the plan impossible to play, one line each; empty for a sound plan.
    package func problems() -> [String] {
        var problems: [String] = []
        if targets.isEmpty { problems.append("the plan has no target") }
        let requests = journeys.reduce(0) { $0 + $1.requests.count }
        if requests > 3_000 { problems.append("the journeys have \(requests) requests in all, more than 3000") }
        if sources.isEmpty { problems.append("the plan has no source of load") }
        if !(1...256).contains(workers) { problems.append("workers must be 1 to 256, not \(workers)") }
        if maxInFlight < 1 { problems.append("maxInFlight must be at least 1, not \(maxInFlight)") }
        problems += connections.problems()
        if (1...256).contains(workers), connections.limitPerTarget < workers {
            problems.append(
                "the limit of \(connections.limitPerTarget) connections to a target must be at least the number of workers, "
                    + "\(workers): each has connections of its own")
        }
        for target in targets { problems += (target.tls?.problems() ?? []).map { "target \(target.name): \($0)" } }
        for target in targets where !(1...65_535).contains(target.port) {
            problems.append("target \(target.name): port \(target.port) is not in 1 to 65535")
        }
        for target in targets where target.host.isEmpty { problems.append("target \(target.name): the host is empty") }
        for table in tables { problems += table.problems() }
        for feeder in feeders {
            if !tables.indices.contains(feeder.table) {
                problems.append("feeder \(feeder.name): there is no table \(feeder.table)")
            }
        }
        if !(0...Variable.indices.count).contains(kept.count) || !(0...Variable.indices.count).contains(sharedCount) {
            problems.append("there can't be more than \(Variable.indices.count) variables")
        }
        for journey in journeys + [setUp, tearDown].compactMap({ $0 }) { problems += self.problems(of: journey) }
        for source in sources { problems += self.problems(of: source) }
        return problems
    }

    /// Keeps every instant of a load far from the end of the clock's range.
    private static let longest = Duration.seconds(366 * 86_400)

    private func problems(of source: Source) -> [String] {
        var problems: [String] = []
        if source.duration <= .zero { problems.append("load \(source.name): the duration must be more than 0") }
        if source.duration > Self.longest || source.startOffset > Self.longest {
            problems.append("load \(source.name): the start and the duration must be at most 366 days")
        }
        if source.startOffset < .zero { problems.append("load \(source.name): the start must not be negative") }
        if source.gracefulStop < .zero || source.gracefulStop > Self.longest {
            problems.append("load \(source.name): the graceful stop must be 0 to 366 days")
        }
        if source.journeys.isEmpty { problems.append("load \(source.name): it has no journeys") }
        for entry in source.journeys {
            if !journeys.indices.contains(entry.journey) {
                problems.append("load \(source.name): there is no journey \(entry.journey)")
            }
            if !(entry.weight > 0 && entry.weight.isFinite) {
                problems.append("load \(source.name): the weight \(entry.weight) is not more than 0")
            }
        }
        func check(_ rate: Double) {
            if !(rate >= 0 && rate <= 10_000_000) {
                problems.append("load \(source.name): the rate \(rate)/s is not in 0 to 10000000/s")
            }
        }
        func check(users: Int, from least: Int) {
            if !(least...1_000_000).contains(users) {
                problems.append("load \(source.name): the number of users must be \(least) to 1000000, not \(users)")
            }
        }
        switch source.rate {
        case .constant(let rate):
            check(rate)
        case .ramping(let start, let stages):
            check(start)
            if stages.isEmpty { problems.append("load \(source.name): the ramp has no stages") }
            for stage in stages {
                check(stage.target)
                if stage.duration <= .zero {
                    problems.append("load \(source.name): a stage's duration must be more than 0")
                }
            }
        case .closed(let users):
            check(users: users, from: 1)
        case .rampingUsers(let start, let stages):
            check(users: start, from: 0)
            if stages.isEmpty { problems.append("load \(source.name): the ramp has no stages") }
            for stage in stages {
                check(users: stage.target, from: 0)
                if stage.duration <= .zero {
                    problems.append("load \(source.name): a stage's duration must be more than 0")
                }
            }
            if start == 0, stages.allSatisfy({ $0.target == 0 }) {
                problems.append("load \(source.name): the ramp has no users")
            }
        }
        if let iterations = source.iterations {
            if !source.rate.isClosed {
                problems.append("load \(source.name): only closed loops take a number of iterations")
            }
            if iterations < 1 {
                problems.append("load \(source.name): the iterations must be at least 1, not \(iterations)")
            }
        }
        return problems
    }

    private func problems(of journey: Journey) -> [String] {
        var problems: [String] = []
        if let table = journey.userTable, !tables.indices.contains(table) {
            problems.append("journey \(journey.name): there is no table \(table) for its users")
        }
        let requests = journey.requests
        if requests.isEmpty { problems.append("journey \(journey.name): it has no request") }
        for template in journey.templates {
            for segment in template.segments {
                if let problem = self.problem(of: segment, in: journey) {
                    problems.append("journey \(journey.name): \(problem)")
                }
            }
        }
        for variable in journey.variables where !Variable.indices.contains(variable.index) {
            problems.append("journey \(journey.name): variable \(variable.index) is not in \(Variable.indices)")
        }
        for step in journey.steps { problems += self.problems(of: step, in: journey) }
        for request in requests {
            let place = "journey \(journey.name), \(request.label)"
            if !targets.indices.contains(request.target) {
                problems.append("\(place): there is no target \(request.target)")
            }
            if !request.method.isHTTPToken { problems.append("\(place): `\(request.method)` is not an HTTP method") }
            if request.timeout <= .zero { problems.append("\(place): the timeout must be more than 0") }
            for header in request.headers where !header.name.isHTTPToken {
                problems.append("\(place): `\(header.name)` is not the name of a header")
            }
            for (template, kind) in [(request.path, "path")] + request.headers.map({ ($0.value, "header \($0.name)") })
            {
                if template.hasControlCharacters {
                    problems.append("\(place): the \(kind) has a line break or control character")
                }
            }
            if request.path.literalBytes?.contains(0x20) == true { problems.append("\(place): the path has a space") }
            if request.checks.count > Request.maximumChecks {
                problems.append("\(place): it has more than \(Request.maximumChecks) checks")
            }
        }
        return problems
    }

    private func problems(of step: Step, in journey: Journey) -> [String] {
        switch step {
        case .request, .think, .set: return []
        case .group(_, let steps): return steps.flatMap { problems(of: $0, in: journey) }
        case .loop(let loop):
            let inner = loop.steps.flatMap { problems(of: $0, in: journey) }
            return (1...1_000_000).contains(loop.rounds)
                ? inner : inner + ["journey \(journey.name): a loop has 1 to 1000000 rounds, not \(loop.rounds)"]
        }
    }

    private func problem(of segment: Template.Segment, in journey: Journey) -> String? {
        switch segment {
        case .variable(let variable):
            return Variable.indices.contains(variable.index)
                ? nil : "variable \(variable.index) is not in \(Variable.indices)"
        case .user(let column):
            guard let table = journey.userTable else { return "it uses the session's user, and the journey has none" }
            let exists = tables.indices.contains(table) && tables[table].columns.indices.contains(column)
            return exists ? nil : "the users have no column \(column)"
        case .random(let table, let column):
            let exists = tables.indices.contains(table) && tables[table].columns.indices.contains(column)
            return exists ? nil : "there is no column \(column) of table \(table)"
        case .randomText(let length):
            return (0...1_000_000).contains(length) ? nil : "a random text of \(length) characters is not possible"
        case .feeder(let feeder, let column):
            guard feeders.indices.contains(feeder), tables.indices.contains(feeders[feeder].table) else {
                return "there is no feeder \(feeder)"
            }
            return tables[feeders[feeder].table].columns.indices.contains(column)
                ? nil : "the feeder \(feeders[feeder].name) has no column \(column)"
        case .shared(let index):
            return (0..<sharedCount).contains(index) ? nil : "the set-up has no value \(index)"
        case .base64(let inner):
            return inner.lazy.compactMap { self.problem(of: $0, in: journey) }.first
        case .literal, .uuid, .counter, .now, .randomInteger:
            return nil
        }
    }
}

extension Plan.Source {
    /// When its journeys are aborted at the latest, in nanoseconds after the start of the load.
    var hardEnd: UInt64 { startOffset.nanoseconds + duration.nanoseconds + gracefulStop.nanoseconds }
}

extension Plan.Source.Rate {
    /// Whether users begin a journey when their last one has ended, rather than when it is due.
    var isClosed: Bool {
        switch self {
        case .closed, .rampingUsers: true
        case .constant, .ramping: false
        }
    }
}

extension Plan.Variable {
    /// Variables are numbered densely within a journey; this bounds the memory of a session.
    static let indices = 0..<1024
}

extension Plan.Table {
    func problems() -> [String] {
        var problems: [String] = []
        if rows.isEmpty { problems.append("table \(name): it has no rows") }
        if columns.isEmpty { problems.append("table \(name): it has no columns") }
        if let row = rows.firstIndex(where: { $0.count != columns.count }) {
            problems.append("table \(name): row \(row) has \(rows[row].count) values for \(columns.count) columns")
        }
        if case .zipf(let exponent) = draw, !(exponent >= 0 && exponent <= 10) {
            problems.append("table \(name): the exponent \(exponent) is not in 0 to 10")
        }
        return problems
    }
}

extension Plan.Template {
    var hasControlCharacters: Bool {
        segments.contains {
            if case .literal(let bytes) = $0 { bytes.contains { $0 < 0x20 || $0 == 0x7f } } else { false }
        }
    }
}

extension String {
    /// Whether this is a token of RFC 9110, 5.6.2, as methods and header names are.
    var isHTTPToken: Bool {
        !isEmpty
            && utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"):
                    true
                default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
                }
            }
    }
}
