// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Patterns

/// What is read from answers: captures, checks, cookies. Only requests that want any of it come here.
extension Worker {
    /// Bodies beyond this are not searched.
    static let maximumSearchedBody = 4 << 20

    /// Takes what the head has. Called when the head was read, because its bytes don't stay.
    func readHead(
        _ compiled: CompiledRequest, _ id: Int32, _ head: UnsafeRawBufferPointer
    ) {
        let session = sessions[id]
        for capture in compiled.captures {
            switch capture.source {
            case .header(let name): set(capture, session, HTTP1Head.value(of: name, in: head))
            case .cookie(let name):
                var isFound = false
                HTTP1Head.forEachValue(of: "set-cookie", in: head) { line in
                    guard let (found, value) = CookieJar.pair(in: line), found.elementsEqual(name) else { return }
                    isFound = true
                    value.withUnsafeBytes { set(capture, session, $0) }
                }
                if !isFound { set(capture, session, nil) }
            case .json, .pattern, .status: break
            }
        }
        for (index, check) in compiled.checks.enumerated() {
            guard case .header(let name, let test) = check.kind else { continue }
            if let value = HTTP1Head.value(of: name, in: head), holds(test, value, session) {
                session.pointee.passedChecks |= 1 << UInt32(index)
            }
        }
        if !jars.isEmpty { jars[Int(id)].takeCookies(from: head, target: plan.targets[Int(compiled.target)]) }
    }

    // MARK: Captures

    /// Fills the variables that have values in the answer; nil, or why a required one, of head or body, has none.
    func capture(
        _ compiled: CompiledRequest, _ session: UnsafeMutablePointer<Session>, _ status: Int16,
        _ body: UnsafeRawBufferPointer
    ) -> FailureKey.Cause? {
        var missing: FailureKey.Cause?
        for (index, capture) in compiled.captures.enumerated() {
            switch capture.source {
            case .json(let path): captureJSON(capture, path, session, body)
            case .pattern(let number):
                // A group that took no part in the match has no value: the whole match is not what was asked for.
                let hasGroup = plan.patterns[Int(number)].hasGroup
                let range = matchers[Int(number)].firstMatch(in: body).flatMap { hasGroup ? $0.group : $0.whole }
                set(capture, session, range.map { UnsafeRawBufferPointer(rebasing: body[$0]) })
            case .status:
                scratch.0.removeAll()
                scratch.0.append(decimal: UInt64(max(0, status)))
                set(capture, session, scratch.0.bytes)
            case .header, .cookie: break
            }
            if capture.isRequired, missing == nil, session.pointee.value(of: capture.variable).isEmpty {
                missing = .missingCapture(Int32(index))
            }
        }
        return missing
    }

    private func captureJSON(
        _ capture: CompiledCapture, _ path: UnsafeBufferPointer<JSONPathComponent>,
        _ session: UnsafeMutablePointer<Session>, _ body: UnsafeRawBufferPointer
    ) {
        switch JSONScanner.find(path, in: body) {
        case .raw(let range): set(capture, session, UnsafeRawBufferPointer(rebasing: body[range]))
        case .string(let range):
            session.pointee.setValue(of: capture.variable, count: plan.variableCount) { output in
                let before = output.count
                if !range.isEmpty, JSONString.decode(UnsafeRawBufferPointer(rebasing: body[range]), into: &output) {
                    return true
                }
                output.truncate(to: before)
                output.append(capture.standard)
                return !capture.standard.isEmpty
            }
        case .null, nil: set(capture, session, nil)
        }
    }

    /// `value` must not lie in the session.
    private func set(
        _ capture: CompiledCapture, _ session: UnsafeMutablePointer<Session>, _ value: UnsafeRawBufferPointer?
    ) {
        session.pointee.setValue(of: capture.variable, count: plan.variableCount) { output in
            let value = value.flatMap { $0.isEmpty ? nil : $0 } ?? capture.standard
            output.append(value)
            return !value.isEmpty
        }
    }

    // MARK: Checks

    /// Counts the request's checks; nil, or the first that failed.
    func check(
        _ compiled: CompiledRequest, _ session: UnsafeMutablePointer<Session>, _ status: Int16,
        _ body: UnsafeRawBufferPointer, _ now: UInt64
    ) -> FailureKey.Cause? {
        var passed = session.pointee.passedChecks
        for (index, check) in compiled.checks.enumerated() {
            let holds: Bool =
                switch check.kind {
                case .status(let statuses): statuses.contains(status)
                case .faster(let limit): now &- session.pointee.intended < limit
                case .header: false
                case .body(let test): self.holds(test, body, session)
                case .json(let path, let test): self.holds(test, path, body, session)
                }
            if holds { passed |= 1 << UInt32(index) }
        }
        countChecks(compiled, session, passed)
        let failed = ~passed
        let first = failed.trailingZeroBitCount
        return first < compiled.checks.count ? .check(Int32(first)) : nil
    }

    /// A request without a whole answer has passed none of its checks.
    func failChecks(_ compiled: CompiledRequest, _ session: UnsafeMutablePointer<Session>) {
        if !compiled.checks.isEmpty { countChecks(compiled, session, 0) }
    }

    private func countChecks(_ compiled: CompiledRequest, _ session: UnsafeMutablePointer<Session>, _ passed: UInt32) {
        let second = Int((session.pointee.intended &- start) / 1_000_000_000)
        while checkCounts.count <= second { checkCounts.append([]) }
        if checkCounts[second].isEmpty {
            checkCounts[second] = Array(repeating: CheckCount(), count: plan.checks.count)
        }
        for index in compiled.checks.indices {
            let place = Int(compiled.firstCheck) + index
            if passed >> UInt32(index) & 1 == 1 {
                checkCounts[second][place].passed &+= 1
            } else {
                checkCounts[second][place].failed &+= 1
            }
        }
    }

    private func holds(
        _ test: CompiledCheck.Test, _ path: UnsafeBufferPointer<JSONPathComponent>, _ body: UnsafeRawBufferPointer,
        _ session: UnsafeMutablePointer<Session>
    ) -> Bool {
        switch JSONScanner.find(path, in: body) {
        case .raw(let range): return holds(test, UnsafeRawBufferPointer(rebasing: body[range]), session)
        case .string(let range):
            scratch.1.removeAll()
            guard JSONString.decode(UnsafeRawBufferPointer(rebasing: body[range]), into: &scratch.1) else {
                return false
            }
            return holds(test, scratch.1.bytes, session)
        case .null, nil: return false
        }
    }

    private func holds(
        _ test: CompiledCheck.Test, _ value: UnsafeRawBufferPointer, _ session: UnsafeMutablePointer<Session>
    ) -> Bool {
        switch test {
        case .exists: return !value.isEmpty
        case .equals(let segments): return text(segments, session).elementsEqual(value)
        case .contains(let segments):
            let wanted = text(segments, session)
            guard let base = value.baseAddress, let start = wanted.baseAddress else { return wanted.isEmpty }
            return seawall_contains(base, value.count, start, wanted.count) != 0
        case .matches(let number): return matchers[Int(number)].firstMatch(in: value) != nil
        }
    }

    /// The text of a template, until the next call.
    private func text(
        _ segments: UnsafeBufferPointer<CompiledSegment>, _ session: UnsafeMutablePointer<Session>
    ) -> UnsafeRawBufferPointer {
        if segments.count == 1, case .literal(let bytes) = segments[0] { return bytes }
        scratch.0.removeAll()
        scratch.0.write(segments, session: session, plan: plan)
        return scratch.0.bytes
    }

    // MARK: Conditions and values

    func holds(_ condition: CompiledCondition, _ session: UnsafeMutablePointer<Session>) -> Bool {
        scratch.0.removeAll()
        scratch.1.removeAll()
        scratch.0.write(condition.left, session: session, plan: plan)
        scratch.1.write(condition.right, session: session, plan: plan)
        return condition.holds(scratch.0.bytes, scratch.1.bytes)
    }

    func setVariable(
        _ variable: Int32, _ segments: UnsafeBufferPointer<CompiledSegment>, _ session: UnsafeMutablePointer<Session>
    ) {
        // By way of the scratch bytes: the text may hold the variable's own value, which moves as it is written.
        scratch.0.removeAll()
        scratch.0.write(segments, session: session, plan: plan)
        let value = scratch.0.bytes
        session.pointee.setValue(of: variable, count: plan.variableCount) { output in
            output.append(value)
            return true
        }
    }
}
