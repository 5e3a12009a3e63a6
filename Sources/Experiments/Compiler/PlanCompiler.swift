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
    private let feeders: [Plan.Feeder]
    private let hasPopulation: Bool

    /// - Parameters:
    ///   - targets: Where the services of the script are reached.
    ///   - population: What the tables `users` and `posts` hold; nil for a system that is not seeded.
    package init(scenario: Scenario, targets: [Plan.Target], population: SeededPopulation?) {
        self.scenario = scenario
        self.targets = targets
        hasPopulation = population != nil
        let populationTables = population.map { Self.tables(of: $0, skew: scenario.population.skew) } ?? []
        feeders = scenario.feeders.enumerated().map { index, feeder in
            Plan.Feeder(
                name: feeder.name, table: populationTables.count + index, order: Self.order(feeder.order),
                scope: feeder.scope == .user ? .user : .iteration)
        }
        tables =
            populationTables
            + scenario.feeders.map { Plan.Table(name: $0.name, columns: $0.columns, rows: $0.rows, draw: .uniform) }
    }

    private static func order(_ order: Scenario.Feeder.Order) -> Plan.Feeder.Order {
        switch order {
        case .queue: .queue
        case .shuffle: .shuffle
        case .random: .random
        case .circular: .circular
        }
    }

    /// - Throws: `ExperimentError` for what validation of the script lets pass and can't be played.
    package func compile() throws(ExperimentError) -> Plan {
        var templates = TemplateCompiler(
            tables: Dictionary(
                tables.enumerated().map { ($1.name, (index: $0, columns: $1.columns)) },
                uniquingKeysWith: { first, _ in first }),
            feeders: Dictionary(
                scenario.feeders.enumerated().map { ($1.name, (index: $0, columns: $1.columns)) },
                uniquingKeysWith: { first, _ in first }),
            userTable: hasPopulation ? "users" : nil, variables: [:], shared: [:])
        let setUp = try compile("setup", scenario.setUp, templates)
        // What the set-up captured has its numbers; in the journeys they are those of shared values.
        templates.shared = setUp?.variables.mapValues(\.index) ?? [:]
        let tearDown = try compile("teardown", scenario.tearDown, templates)
        for (name, _) in scenario.state { templates.variables[name] = .init(index: templates.variables.count) }
        var journeys: [Plan.Journey] = []
        for journey in scenario.journeys {
            if let compiled = try compile(journey.name, journey.steps, templates) { journeys.append(compiled.journey) }
        }
        var sources: [Plan.Source] = []
        for load in scenario.load { sources.append(try compile(load)) }
        var plan = Plan(seed: scenario.seed, targets: targets, journeys: journeys, sources: sources)
        plan.tables = tables
        plan.feeders = feeders
        plan.kept = scenario.state.map { Array($0.value.utf8) }
        plan.setUp = setUp?.journey
        plan.sharedCount = setUp?.variables.count ?? 0
        plan.tearDown = tearDown?.journey
        plan.cookies = scenario.cookies
        plan.maxInFlight = scenario.maxInFlight
        plan.workers = scenario.workers
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

    /// A journey and the variables that it numbers; nil without steps.
    private func compile(
        _ name: String, _ steps: [Scenario.Step], _ templates: TemplateCompiler
    ) throws(ExperimentError) -> (journey: Plan.Journey, variables: [String: Plan.Variable])? {
        if steps.isEmpty { return nil }
        var compiler = JourneyCompiler(targets: targets, templates: templates)
        let compiled = try compiler.compile(steps)
        let userTable = templates.userTable.flatMap { users in tables.firstIndex { $0.name == users } }
        if userTable == nil, steps.flatMap(\.requests).contains(where: \.asSomeone) {
            throw ExperimentError(.script, "journey \(name): 'as: someone' needs the population of `system: social`")
        }
        return (Plan.Journey(name: name, userTable: userTable, steps: compiled), compiler.templates.variables)
    }
}
