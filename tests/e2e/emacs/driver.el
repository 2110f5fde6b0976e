;;; driver.el --- what the tests in Emacs need -*- lexical-binding: t -*-

(defun test-open (file)
  "Open FILE, as a user does, with its language server."
  (find-file file)
  (buffer-enable-undo)
  (require 'eglot)
  (setq eglot-sync-connect 60 eglot-connect-timeout 60) ; seconds, on a busy machine
  (call-interactively #'eglot))

(defun test-until-changed (action)
  "Do ACTION again and again until it has changed the text, for half a minute at most."
  (let ((before (buffer-string)) (end (+ (float-time) 30)))
    (while (and (equal before (buffer-string)) (< (float-time) end))
      (funcall action)
      (accept-process-output nil 0.05))))

(defun test-print-text ()
  "Print the text, with a bar where the cursor is."
  (princ (concat (buffer-substring-no-properties (point-min) (point)) "|"
                 (buffer-substring-no-properties (point) (point-max)))))
