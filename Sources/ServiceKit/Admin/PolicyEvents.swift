// SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import Hummingbird
internal import Resilience
internal import ServiceLifecycle

extension AdminRoutes {
    /// The last state changes and changes of settings, then every event as it happens: one JSON object a line.
    ///
    /// `?follow=false` ends after the first part. A reader who falls behind loses the oldest.
    func policyEvents(_ request: Request) throws -> Response {
        let follows: Bool
        switch request.uri.queryParameters.get("follow") {
        case nil, "true": follows = true
        case "false": follows = false
        default: throw Problem.invalid("?follow", "Write true or false.")
        }
        // Before the last ones are read, so that none is lost in between.
        let events = follows ? state.registry.events() : nil
        let recent = state.registry.recentEvents
        let body = ResponseBody { writer in
            for event in recent { try await writer.write(try PolicyEventLine(event).buffer) }
            if let events {
                // Those that came in between are in both.
                var known = Set(recent)
                for await event in events.cancelOnGracefulShutdown() where known.remove(event) == nil {
                    try await writer.write(try PolicyEventLine(event).buffer)
                }
            }
            try await writer.finish(nil)
        }
        return Response(status: .ok, headers: [.contentType: "application/x-ndjson"], body: body)
    }

    /// Closes the breaker of a pipeline and forgets its window.
    func resetBreaker(_ context: ServiceContext) throws -> Response {
        let name = try context.path("pipeline")
        guard state.pipelines.contains(name) else { throw Problem.notFound("pipeline") }
        let pipeline = state.registry.pipeline(name)
        pipeline.circuitBreaker.reset()
        return try .json(pipeline.snapshot)
    }
}

/// One event as a line of JSON.
private struct PolicyEventLine: Encodable {
    /// The time of day, for people.
    var time: String
    var pipeline: String
    /// Nil when the event is about the pipeline.
    var policy: String?
    var event: String

    init(_ event: ResilienceEvent) {
        let age = event.instant.duration(to: TimeSource.system.now())
        time = WallClock.text(WallClock.milliseconds() - Int64(age / .milliseconds(1)))
        pipeline = event.pipeline
        policy = event.kind.policy?.rawValue
        self.event = event.kind.description
    }

    var buffer: ByteBuffer {
        get throws { ByteBuffer(string: try JSON.text(self) + "\n") }
    }
}
