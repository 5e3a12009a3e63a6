// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import Measurement
internal import Patterns

/// A plan as the workers read it: plain data in an arena, every name a number, every request cut into segments of bytes.
///
/// Unchecked: immutable after `init`; all pointers lead into the arena, which it owns, and are only read.
final class CompiledPlan: @unchecked Sendable {
    let plan: Plan
    let steps: [StepInfo]
    /// The plan's request of each step, for words.
    let requestOfStep: [Plan.Request]
    let journeys: UnsafeBufferPointer<CompiledJourney>
    let requests: UnsafeBufferPointer<CompiledRequest>
    let conditions: UnsafeBufferPointer<CompiledCondition>
    let tables: [CompiledTable]
    let feeders: [CompiledFeeder]
    /// Patterns of captures and checks; each worker has a matcher for each.
    let patterns: [Pattern]
    /// The checks of the requests, in one row.
    let checks: [CheckInfo]
    let targets: [ResolvedTarget]
    /// Class 0 is for connecting; then come the distinct timeouts of requests, and being idle, by target.
    let timeouts: [UInt64]
    let variableCount: Int
    /// Which numbers sessions draw from the counter.
    let counters: CounterShare
    /// Most loops in each other.
    let loopDepth: Int
    /// End of the last source, in nanoseconds after the start.
    let loadNanoseconds: UInt64
    /// Whether sessions hold more than variables of one journey.
    var hasUserState: Bool { loopDepth > 0 || !feeders.isEmpty || plan.cookies || !plan.kept.isEmpty }
    private let arena: Arena

    /// - Parameters:
    ///   - plan: Must be free of problems (``Plan/problems()``).
    ///   - targets: The addresses of `plan.targets`, in the same order.
    ///   - shared: What the set-up captured.
    ///   - counters: For a journey beside the load; otherwise it follows from the plan.
    init(_ plan: Plan, targets: [ResolvedTarget], shared: [[UInt8]] = [], counters: CounterShare? = nil) {
        self.plan = plan
        self.counters = counters ?? CounterShare(plan)
        self.targets = targets
        let arena = Arena()
        var builder = RequestBuilder(plan: plan, arena: arena, shared: shared)
        var journeys: [CompiledJourney] = []
        var requestOfStep: [Plan.Request] = []
        var depth = 0
        for journey in plan.journeys {
            var compiler = StepCompiler()
            for step in journey.steps { compiler.add(step, &builder) }
            requestOfStep += compiler.requests
            depth = max(depth, compiler.depth)
            journeys.append(
                CompiledJourney(
                    steps: arena.store(compiler.steps), userTable: Int32(journey.userTable ?? -1),
                    feeders: arena.store(plan.feeders(of: journey).map { Int32($0) }),
                    firstRequest: Int32(requestOfStep.count - compiler.requests.count)))
        }
        self.journeys = arena.store(journeys)
        self.requests = arena.store(builder.requests)
        steps = plan.stepInfos
        self.requestOfStep = requestOfStep
        conditions = arena.store(builder.conditions)
        tables = plan.tables.map { CompiledTable($0, arena) }
        feeders = plan.feeders.indices.map { CompiledFeeder(plan, $0) }
        patterns = builder.patterns
        checks = plan.checkInfos
        loopDepth = depth
        let idle = plan.connections.idleTimeout?.nanoseconds ?? UInt64(Int64.max)
        timeouts = builder.timeouts + plan.targets.map { _ in idle }
        variableCount = builder.variableCount
        loadNanoseconds = plan.sources.map { $0.startOffset.nanoseconds + $0.duration.nanoseconds }.max() ?? 0
        self.arena = arena
    }
}

extension CompiledPlan {
    /// Place of a target's idle connections among the timeouts.
    func idleClass(_ target: Int) -> Int32 { Int32(timeouts.count - targets.count + target) }

    var layout: SliceRecorder.Layout {
        SliceRecorder.Layout(
            steps: steps.count, targetOfStep: requestOfStep.map(\.target), targets: plan.targets.map(\.name))
    }
}

struct CompiledJourney: BitwiseCopyable {
    var steps: UnsafeBufferPointer<CompiledStep>
    /// −1 for none.
    var userTable: Int32
    /// Feeders that it has rows of.
    var feeders: UnsafeBufferPointer<Int32>
    /// Index of its first request, under which an arrival without a row is recorded.
    var firstRequest: Int32
}

struct CompiledRequest: BitwiseCopyable {
    var target: Int32
    var expectsNoBody: Bool
    /// All bytes when the request has no holes; otherwise empty, and `segments` makes them.
    var literal: UnsafeRawBufferPointer
    var segments: UnsafeBufferPointer<CompiledSegment>
    var timeoutClass: Int32
    var statuses: UnsafeBufferPointer<Int16>
    var captures: UnsafeBufferPointer<CompiledCapture>
    var checks: UnsafeBufferPointer<CompiledCheck>
    /// Position of its first check in `CompiledPlan.checks`.
    var firstCheck: Int32
    /// A capture or a check wants the body.
    var readsBody: Bool
    /// A capture, a check or the cookie jar wants the head.
    var readsHead: Bool

    func expects(_ status: Int16) -> Bool {
        statuses.isEmpty ? status < 400 : statuses.contains(status)
    }
}

struct CompiledCapture: BitwiseCopyable {
    enum Source: BitwiseCopyable {
        case json(UnsafeBufferPointer<JSONPathComponent>)
        /// Name in lower case.
        case header(UnsafeRawBufferPointer)
        /// Index into `CompiledPlan.patterns`.
        case pattern(Int32)
        case status
        case cookie(UnsafeRawBufferPointer)
    }
    var variable: Int32
    var source: Source
    var isRequired: Bool
    /// What a missing value becomes; may be empty.
    var standard: UnsafeRawBufferPointer
}

struct CompiledCheck: BitwiseCopyable {
    enum Kind: BitwiseCopyable {
        case status(UnsafeBufferPointer<Int16>)
        /// Nanoseconds.
        case faster(UInt64)
        /// Name in lower case.
        case header(UnsafeRawBufferPointer, Test)
        case body(Test)
        case json(UnsafeBufferPointer<JSONPathComponent>, Test)
    }
    enum Test: BitwiseCopyable {
        case exists
        case equals(UnsafeBufferPointer<CompiledSegment>)
        case contains(UnsafeBufferPointer<CompiledSegment>)
        case matches(Int32)
    }
    var kind: Kind
}

/// A part of a request. Values in holes are escaped for the place where the hole is.
enum CompiledSegment: BitwiseCopyable {
    case literal(UnsafeRawBufferPointer)
    case variable(Int32, Escaping)
    case user(column: Int32, Escaping)
    case random(table: Int32, column: Int32, Escaping)
    case feeder(Int32, column: Int32, Escaping)
    case uuid
    case counter
    case now(Plan.Template.TimeFormat, Escaping)
    case base64(UnsafeBufferPointer<CompiledSegment>, Escaping)
    /// Takes the request's own origin off a path that began with a hole: scheme, host and port in lower case, in all ways in which they
    /// may be written.
    case ownOrigin(UnsafeBufferPointer<UnsafeRawBufferPointer>)
    /// The `cookie` header's line, when the session has cookies for a request to this target.
    case cookies
    /// Tells the jar the request's path where the request has cookies of its own.
    case cookiePath
    case randomInteger(low: Int, span: UInt64)
    case randomText(length: Int, Escaping)
    /// Ten places that get the length of the body, which begins at the `bodyStart` further on.
    case contentLength
    case bodyStart
}

extension CompiledCapture {
    var readsBody: Bool {
        switch source {
        case .json, .pattern: true
        case .header, .status, .cookie: false
        }
    }
    var readsHead: Bool {
        switch source {
        case .header, .cookie: true
        case .json, .pattern, .status: false
        }
    }
}

extension CompiledCheck {
    var readsBody: Bool {
        switch kind {
        case .body, .json: true
        case .status, .faster, .header: false
        }
    }
    var readsHead: Bool { if case .header = kind { true } else { false } }
}
