// SPDX-License-Identifier: Apache-2.0

internal import LoadGenerator
internal import Scenarios

/// Turns the steps of one journey into those of the plan, numbering its variables on the way.
struct JourneyCompiler {
    let targets: [Plan.Target]
    private(set) var templates: TemplateCompiler

    init(targets: [Plan.Target], templates: TemplateCompiler) {
        self.targets = targets
        self.templates = templates
    }

    mutating func compile(_ steps: [Scenario.Step]) throws(ExperimentError) -> [Plan.Step] {
        var compiled: [Plan.Step] = []
        for step in steps {
            switch step {
            case .request(let request): compiled.append(.request(try compile(request)))
            case .think(.fixed(let time)): compiled.append(.think(.fixed(time)))
            case .think(.uniform(let low, let high)): compiled.append(.think(.uniform(low, high)))
            case .think(.exponential(let mean)): compiled.append(.think(.exponential(mean: mean)))
            case .set(let values):
                for (name, value) in values {
                    let template = try templates.compile(value)
                    compiled.append(.set(templates.variable(name), template))
                }
            case .group(let condition, let inner):
                let condition = try compile(condition)
                compiled.append(.group(when: condition, steps: try compile(inner)))
            case .loop(let loop): compiled.append(.loop(try compile(loop)))
            }
        }
        return compiled
    }

    private mutating func compile(_ loop: Scenario.Loop) throws(ExperimentError) -> Plan.Loop {
        // The condition before a round may look at what the rounds capture.
        for request in loop.steps.flatMap(\.requests) where loop.whileCondition != nil {
            for capture in request.captures { _ = templates.variable(capture.variable) }
        }
        let before = try loop.whileCondition.map { condition throws(ExperimentError) in try compile(condition) }
        let steps = try compile(loop.steps)
        let after = try loop.untilCondition.map { condition throws(ExperimentError) in try compile(condition) }
        return Plan.Loop(rounds: loop.rounds, while: before, until: after, steps: steps)
    }

    private func compile(_ condition: Scenario.Condition) throws(ExperimentError) -> Plan.Condition {
        let comparison: Plan.Condition.Comparison? =
            switch condition.comparison {
            case .equal: .equal
            case .notEqual: .notEqual
            case .less: .less
            case .lessOrEqual: .lessOrEqual
            case .greater: .greater
            case .greaterOrEqual: .greaterOrEqual
            case nil: nil
            }
        var result = Plan.Condition(
            left: try templates.compile(condition.left), comparison: comparison,
            right: try templates.compile(condition.right))
        result.isNegated = condition.isNegated
        return result
    }

    // MARK: - Requests

    private mutating func compile(_ request: Scenario.Request) throws(ExperimentError) -> Plan.Request {
        guard let target = targets.firstIndex(where: { $0.name == request.service }) else {
            throw ExperimentError(
                .script, "\(request.method) \(request.path): there is no service '\(request.service)'")
        }
        var result = Plan.Request(
            label: request.label, target: target, method: request.method, path: try templates.compile(request.path))
        for (name, value) in request.headers { result.headers.append((name, try templates.compile(value))) }
        if request.asSomeone {
            result.headers.append(("Authorization", try templates.compile("Bearer ${user.token}")))
        }
        switch request.body {
        case .json(let text):
            result.body = try templates.compile(text)
            addContentType("application/json", to: &result)
        case .raw(let text, let contentType):
            result.body = try templates.compile(text)
            addContentType(contentType, to: &result)
        case .bytes(let bytes, let contentType):
            result.body = Plan.Template([.literal(bytes)])
            addContentType(contentType, to: &result)
        case .form(let fields):
            result.body = try form(fields)
            addContentType("application/x-www-form-urlencoded", to: &result)
        case nil: break
        }
        result.expect.statuses = request.expectedStatuses
        result.timeout = request.timeout
        result.when = try request.when.map { condition throws(ExperimentError) in try compile(condition) }
        for capture in request.captures { result.captures.append(try compile(capture)) }
        for check in request.checks { result.checks.append(try compile(check)) }
        return result
    }

    /// Texts of the script are encoded here, what comes out of holes by the engine.
    private func form(_ fields: [Scenario.Request.FormField]) throws(ExperimentError) -> Plan.Template {
        var segments: [Plan.Template.Segment] = []
        for (index, field) in fields.enumerated() {
            segments.append(.literal(Array(((index == 0 ? "" : "&") + Self.encoded(field.name) + "=").utf8)))
            for segment in try templates.compile(field.value).segments {
                if case .literal(let bytes) = segment {
                    segments.append(.literal(Array(Self.encoded(String(decoding: bytes, as: UTF8.self)).utf8)))
                } else {
                    segments.append(segment)
                }
            }
        }
        return Plan.Template(segments)
    }

    private static func encoded(_ text: String) -> String {
        let digits = Array("0123456789ABCDEF")
        return text.utf8.reduce(into: "") { result, byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                result.append(Character(Unicode.Scalar(byte)))
            default: result += "%\(digits[Int(byte >> 4)])\(digits[Int(byte & 15)])"
            }
        }
    }

    private func addContentType(_ value: String, to request: inout Plan.Request) {
        guard !request.headers.contains(where: { $0.name.lowercased() == "content-type" }) else { return }
        request.headers.append(("Content-Type", .literal(value)))
    }

    // MARK: - Captures and checks

    private mutating func compile(_ capture: Scenario.Request.Capture) throws(ExperimentError) -> Plan.Capture {
        let source: Plan.Capture.Source =
            switch capture.source {
            case .header(let name): .header(name)
            case .pattern(let pattern): .pattern(pattern)
            case .status: .status
            case .cookie(let name): .cookie(name)
            case .json(let text): .json(try Self.path(text))
            }
        let absence: Plan.Capture.Absence =
            switch capture.absence {
            case .fails: .fails
            case .leavesEmpty: .leavesEmpty
            case .becomes(let value): .becomes(Array(value.utf8))
            }
        return Plan.Capture(
            capture.variable, variable: templates.variable(capture.variable), source: source, absence: absence)
    }

    private func compile(_ check: Scenario.Request.Check) throws(ExperimentError) -> Plan.Check {
        switch check.kind {
        case .status(let statuses): return Plan.Check(check.name, .status(statuses))
        case .duration(let limit): return Plan.Check(check.name, .faster(than: limit))
        case .text(let place, let test):
            let place: Plan.Check.Place =
                switch place {
                case .header(let name): .header(name)
                case .body: .body
                case .json(let path): .json(try Self.path(path))
                }
            let test: Plan.Check.Test =
                switch test {
                case .exists: .exists
                case .equals(let text): .equals(try templates.compile(text))
                case .contains(let text): .contains(try templates.compile(text))
                case .matches(let pattern): .matches(pattern)
                }
            return Plan.Check(check.name, .text(place, test))
        }
    }

    private static func path(_ text: String) throws(ExperimentError) -> [Plan.JSONComponent] {
        do {
            return try JSONPath(text).components.map { component in
                switch component {
                case .key(let key): .key(key)
                case .index(let index): .index(index)
                }
            }
        } catch {
            throw ExperimentError(.script, "'\(text)': \(error.message)")
        }
    }
}
