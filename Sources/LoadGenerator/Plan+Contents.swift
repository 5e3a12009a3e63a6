// SPDX-License-Identifier: Apache-2.0

internal import Measurement

extension Plan {
    /// The requests of all journeys, as results refer to them.
    var stepInfos: [StepInfo] {
        journeys.flatMap { journey in
            journey.requests.enumerated().map { index, request in
                StepInfo(
                    journey: journey.name, index: index, label: request.label, target: targets[request.target].name)
            }
        }
    }

    /// The checks of all requests, as results refer to them.
    var checkInfos: [CheckInfo] {
        journeys.flatMap(\.requests).enumerated().flatMap { step, request in
            request.checks.map { CheckInfo(step: step, name: $0.name) }
        }
    }
}

extension Plan.Journey {
    /// All requests, in the order in which they stand in the journey.
    var requests: [Plan.Request] { steps.flatMap(\.requests) }

    /// All templates, conditions and checks included.
    var templates: [Plan.Template] { steps.flatMap(\.templates) }

    /// All variables that its steps give values to.
    var variables: [Plan.Variable] { steps.flatMap(\.variables) }
}

extension Plan.Step {
    /// The requests of this step and of the steps in it.
    var requests: [Plan.Request] {
        switch self {
        case .request(let request): [request]
        case .think, .set: []
        case .group(_, let steps): steps.flatMap(\.requests)
        case .loop(let loop): loop.steps.flatMap(\.requests)
        }
    }

    /// All templates of this step and of the steps in it.
    var templates: [Plan.Template] {
        switch self {
        case .request(let request): request.templates
        case .think: []
        case .set(_, let template): [template]
        case .group(let condition, let steps): condition.templates + steps.flatMap(\.templates)
        case .loop(let loop):
            (loop.whileCondition?.templates ?? []) + (loop.untilCondition?.templates ?? [])
                + loop.steps.flatMap(\.templates)
        }
    }

    fileprivate var variables: [Plan.Variable] {
        switch self {
        case .request(let request): request.captures.map(\.variable)
        case .think: []
        case .set(let variable, _): [variable]
        case .group(_, let steps): steps.flatMap(\.variables)
        case .loop(let loop): loop.steps.flatMap(\.variables)
        }
    }
}

extension Plan.Request {
    fileprivate var templates: [Plan.Template] {
        [path] + headers.map(\.value) + (body.map { [$0] } ?? []) + (when?.templates ?? [])
            + checks.compactMap(\.template)
    }
}

extension Plan.Condition {
    var templates: [Plan.Template] { [left, right] }
}

extension Plan.Check {
    fileprivate var template: Plan.Template? {
        switch kind {
        case .text(_, .equals(let template)), .text(_, .contains(let template)): template
        default: nil
        }
    }
}
