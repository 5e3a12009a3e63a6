// SPDX-License-Identifier: Apache-2.0

internal import FaultInjection
internal import Resilience

/// Reads a whole script: one method for each of its sections, in the files beside this one.
///
/// Sections are read in the order of their dependencies, not in the script's. What a faulty section would have defined is
/// unknown, not absent, so that one mistake is reported once.
struct ScenarioReader {
    static let keys = [
        "name", "description", "system", "seed", "population", "connections", "cookies", "max-in-flight", "workers",
        "feeders", "state", "setup", "load", "journeys", "teardown", "faults", "policies", "variants", "thresholds",
    ]

    /// The variant of a script that names none.
    static let defaultVariant = "default"

    let script: ScriptSection
    let reader: ScriptReader
    /// Folder of the script, for the files that it names.
    let folder: String
    /// Names of all journeys, faulty ones included.
    let journeyNames: [String]
    /// Names of all variants, faulty ones included.
    let variantNames: [String]
    /// Whether the population has posts to draw from.
    let hasPosts: Bool
    /// Nil when the section is faulty.
    let system: Scenario.System?

    init?(_ root: ScriptNode, folder: String, reader: ScriptReader) {
        let start = ScriptPosition(line: 1, column: 1)
        guard !root.isNull else {
            reader.report(start, "the script is empty; it needs at least 'system', 'load' and 'journeys'")
            return nil
        }
        guard let script = ScriptSection(root, "the script", keys: Self.keys, reader: reader) else { return nil }
        self.script = script
        self.reader = reader
        self.folder = folder
        journeyNames = script["journeys"]?.entries?.map(\.key) ?? []
        variantNames = script["variants"]?.entries?.map(\.key) ?? [Self.defaultVariant]
        hasPosts = script["population"]?.entries?.first { $0.key == "posts" }?.value.text != "0"
        system = Self.readSystem(script, folder: folder, reader: reader)
    }

    /// Reads everything; nil, or a scenario to throw away, when the reader has faults in the end.
    func scenario(fallbackName: String, source: String) -> Scenario? {
        let name = readName(fallback: fallbackName)
        let description = script["description"].flatMap { reader.text($0, "description") }
        let seed = readSeed()
        let population = readPopulation()
        let connections = readConnections()
        let maxInFlight = script.integer("max-in-flight", in: 1...1_000_000, default: 100_000)
        let workers = script.integer("workers", in: Scenario.workerRange, default: 1)
        let cookies = script["cookies"].map { reader.bool($0, "cookies") } ?? false
        let feeders = readFeeders()
        let state = readState()
        var scope = journeyScope(feeders: feeders)
        let journeys = readJourneys(scope)
        // Neither is played by one of the users, who keep variables; the set-up comes before there is anything to know.
        scope.known.subtract(script["state"]?.entries?.map(\.key) ?? [])
        let tearDown = readSideSteps("teardown", scope)
        scope.known = []
        let setUp = readSideSteps("setup", scope)
        let load = readLoad()
        let faults = readFaults(load: load)
        let policies = readPolicies()
        let variants = readVariants(policies: policies)
        let thresholds = readThresholds(faults: faults, load: load, journeys: journeys)
        guard let name, let system, let seed, let population, let connections, let maxInFlight, let workers,
            let journeys, let load,
            let faults, let policies, let variants, let thresholds, let cookies, let feeders, let state, let setUp,
            let tearDown
        else { return nil }
        return Scenario(
            name: name, description: description ?? "", system: system, seed: seed, population: population,
            connections: connections, maxInFlight: maxInFlight, workers: workers, load: load, journeys: journeys,
            setUp: setUp, tearDown: tearDown, feeders: feeders, state: state, cookies: cookies,
            faults: faults.map(\.fault), policies: policies, variants: variants, thresholds: thresholds, source: source)
    }

    private func readName(fallback: String) -> String? {
        guard let node = script["name"] else {
            let position = script.entry("name")?.keyPosition ?? script.position
            return reader.name(fallback, "scenario (this script has no 'name', so its file names it)", at: position)
                ? fallback : nil
        }
        guard let name = reader.text(node, "name"), reader.name(name, "scenario", at: node.position) else { return nil }
        return name
    }

    private func readSeed() -> UInt64? {
        guard let node = script["seed"] else { return 1 }
        if let seed = node.text.flatMap({ UInt64($0) }) { return seed }
        reader.report(node.position, "'seed' is a whole number from 0 to \(UInt64.max), not \(node.kind)")
        return nil
    }

    private func readPopulation() -> Scenario.Population? {
        let standard = Scenario.Population()
        guard let entry = script.entry("population"), !entry.value.isNull else { return standard }
        if let system, system != .social {
            reader.report(
                entry.keyPosition, "only the social network has a population; this script's system is '\(system.word)'")
            return nil
        }
        let keys = ["users", "friends", "posts", "comments", "skew"]
        guard
            let section = ScriptSection(entry.value, "'population'", at: entry.keyPosition, keys: keys, reader: reader)
        else { return nil }
        let users = section.integer("users", in: 2...100_000, default: standard.users)
        let friends = section.integer("friends", in: 0...1_000, default: standard.friends)
        let posts = section.integer("posts", in: 0...1_000_000, default: standard.posts)
        let comments = section.integer("comments", in: 0...10_000_000, default: standard.comments)
        let skew = section["skew"].map { reader.number($0, "skew", in: 0...5) } ?? standard.skew
        var possible = true
        if let users, let friends, friends >= users {
            reader.report(
                (section["friends"] ?? section["users"] ?? entry.value).position,
                "\(users) users can't have \(friends) friends each")
            possible = false
        }
        if let comments, let posts, comments > 0, posts == 0 {
            reader.report(
                (section["posts"] ?? entry.value).position,
                "there are \(comments) comments to make and no posts to make them on; write comments: 0 too")
            possible = false
        }
        guard possible, let users, let friends, let posts, let comments, let skew else { return nil }
        return Scenario.Population(users: users, friends: friends, posts: posts, comments: comments, skew: skew)
    }
}
