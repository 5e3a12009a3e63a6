// SPDX-License-Identifier: Apache-2.0

package import LoadGenerator
package import Scenarios

/// Turns a scenario into what the load generator plays: names become numbers, texts become cut templates.
///
/// A pure function of its inputs.
package struct PlanCompiler: Sendable {
    private let scenario: Scenario
    private let targets: [Plan.Target]
    private let tables: [Plan.Table]

    /// - Parameters:
    ///   - targets: Where the services of the script are reached.
    ///   - population: What the tables `users` and `posts` hold; nil for a system that is not seeded.
    package init(scenario: Scenario, targets: [Plan.Target], population: SeededPopulation?) {
        self.scenario = scenario
        self.targets = targets
        tables = population.map { Self.tables(of: $0, skew: scenario.population.skew) } ?? []
    }

    /// - Throws: `ExperimentError` for what validation of the script lets pass and can't be played.
    package func compile() throws(ExperimentError) -> Plan {
        var journeys: [Plan.Journey] = []
        for journey in scenario.journeys { journeys.append(try compile(journey)) }
        var sources: [Plan.Source] = []
        for load in scenario.load { sources.append(try compile(load)) }
        var plan = Plan(seed: scenario.seed, targets: targets, journeys: journeys, sources: sources)
        plan.tables = tables
        plan.maxInFlight = scenario.maxInFlight
        plan.connections = scenario.connections.plan
        if !scenario.connections.tlsResumption {
            for target in plan.targets.indices { plan.targets[target].tls?.resumption = false }
        }
        return plan
    }

    private static func tables(of population: SeededPopulation, skew: Double) -> [Plan.Table] {
        [
            Plan.Table(
                name: "users", columns: ["id", "name", "token"],
                rows: population.users.map { [$0.id, $0.name, $0.token] }, draw: .zipf(exponent: skew)),
            Plan.Table(
                name: "posts", columns: ["id", "author"], rows: population.posts.map { [$0.id, $0.author] },
                draw: .zipf(exponent: skew)),
        ]
    }

    // MARK: - Load

    private func compile(_ load: Scenario.Load) throws(ExperimentError) -> Plan.Source {
        var journeys: [(journey: Int, weight: Double)] = []
        for (name, weight) in load.journeys {
            guard let index = scenario.journeys.firstIndex(where: { $0.name == name }) else {
                throw ExperimentError(.script, "load \(load.name): there is no journey '\(name)'")
            }
            journeys.append((index, weight))
        }
        let rate: Plan.Source.Rate =
            switch load.executor {
            case .constantArrivalRate(let perSecond): .constant(perSecond: perSecond)
            case .rampingArrivalRate(let start, let stages):
                // A ramp begins after the warm-up, which holds the rate that it starts from.
                .ramping(
                    start: start,
                    stages: (load.warmup > .zero ? [(load.warmup, start)] : [])
                        + stages.map { ($0.duration, $0.targetPerSecond) })
            case .constantUsers(let users), .sharedIterations(let users, _): .closed(users: users)
            case .rampingUsers(let start, let stages):
                .rampingUsers(
                    start: start,
                    stages: (load.warmup > .zero ? [(load.warmup, start)] : [])
                        + stages.map { ($0.duration, $0.target) })
            }
        var source = Plan.Source(
            name: load.name, arrivals: load.arrivals == .poisson ? .poisson : .uniform, rate: rate,
            duration: load.warmup + load.duration, journeys: journeys)
        source.startOffset = load.start
        source.warmup = load.warmup
        source.gracefulStop = load.gracefulStop
        if case .sharedIterations(_, let iterations) = load.executor { source.iterations = iterations }
        return source
    }

    // MARK: - Journeys

    private func compile(_ journey: Scenario.Journey) throws(ExperimentError) -> Plan.Journey {
        let actsAsSomeone = journey.steps.contains { step in
            if case .request(let request) = step { request.asSomeone } else { false }
        }
        let usesUser = actsAsSomeone || tables.contains { $0.name == "users" }
        var templates = TemplateCompiler(
            tables: Dictionary(
                uniqueKeysWithValues: tables.enumerated().map { ($1.name, (index: $0, columns: $1.columns)) }),
            userTable: usesUser ? "users" : nil, variables: [:])
        var steps: [Plan.Step] = []
        for step in journey.steps {
            switch step {
            case .request(let request): steps.append(.request(try compile(request, &templates)))
            case .think(.fixed(let time)): steps.append(.think(.fixed(time)))
            case .think(.uniform(let low, let high)): steps.append(.think(.uniform(low, high)))
            case .think(.exponential(let mean)): steps.append(.think(.exponential(mean: mean)))
            }
        }
        let userTable = usesUser ? tables.firstIndex { $0.name == "users" } : nil
        if actsAsSomeone, userTable == nil {
            throw ExperimentError(
                .script, "journey \(journey.name): 'as: someone' needs the population of `system: social`")
        }
        return Plan.Journey(name: journey.name, userTable: userTable, steps: steps)
    }

    private func compile(
        _ request: Scenario.Request, _ templates: inout TemplateCompiler
    ) throws(ExperimentError) -> Plan.Request {
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
        case nil: break
        }
        result.expect.statuses = request.expectedStatuses
        result.timeout = request.timeout
        if let name = request.when {
            guard let variable = templates.variables[name] else {
                throw ExperimentError(
                    .script, "\(request.method) \(request.path): nothing captures '\(name)' before its 'when'")
            }
            result.when = variable
        }
        for capture in request.captures { result.captures.append(try compile(capture, &templates)) }
        return result
    }

    private func compile(
        _ capture: Scenario.Request.Capture, _ templates: inout TemplateCompiler
    ) throws(ExperimentError) -> Plan.Capture {
        let variable =
            templates.variables[capture.variable] ?? Plan.Variable(index: templates.variables.count)
        templates.variables[capture.variable] = variable
        let source: Plan.Capture.Source
        switch capture.source {
        case .header(let name): source = .header(name)
        case .json(let text):
            do {
                source = .json(
                    try JSONPath(text).components.map { component in
                        switch component {
                        case .key(let key): .key(key)
                        case .index(let index): .index(index)
                        }
                    })
            } catch {
                throw ExperimentError(.script, "capture \(capture.variable): '\(text)': \(error.message)")
            }
        }
        var result = Plan.Capture(variable: variable, source: source)
        result.required = capture.required
        return result
    }

    private func addContentType(_ value: String, to request: inout Plan.Request) {
        guard !request.headers.contains(where: { $0.name.lowercased() == "content-type" }) else { return }
        request.headers.append(("Content-Type", .literal(value)))
    }
}
